import { fileURLToPath } from 'node:url';

/** A directory with elements for images of tests: `tiny-system`, whose tree is made in a moment, and `boot-report`. */
export const TEST_ELEMENTS = fileURLToPath(new URL('../fixtures/elements', import.meta.url));
