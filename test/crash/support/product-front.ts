import { main } from '../../../src/cli/main.ts';

// The command line of the compiled copy, whose worker is product-worker.
await main(process.argv);
