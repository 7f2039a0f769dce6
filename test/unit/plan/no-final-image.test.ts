import { expect, test } from 'vitest';
import type { OutputConfig } from '../../../src/config/image.ts';
import { outputsWithoutDisk } from '../../../src/plan/no-final-image.ts';

const OUTPUTS: readonly OutputConfig[] = [
  { format: 'qcow2', path: 'a.qcow2', compression: 'zstd', disk: undefined, pointer: '/outputs/0' },
  { format: 'tar', path: 'a.tar', compression: 'none', disk: undefined, pointer: '/outputs/1' },
];

test('archives stay; a disk that image.yaml asks for is told, with its place', () => {
  const range = { file: 'image.yaml', start: { line: 3, column: 1, offset: 0 }, end: { line: 3, column: 2, offset: 1 } };
  const { outputs, diagnostics } = outputsWithoutDisk(OUTPUTS, () => range as never);
  expect(outputs.map(({ format }) => format)).toEqual(['tar']);
  expect(diagnostics).toMatchObject([{ code: 'DIB_OUTPUT_NO_FINAL_IMAGE', severity: 'warning', pointer: '/outputs/0', range }]);
});

test('what is made by default is left out without a word', () => {
  expect(outputsWithoutDisk(OUTPUTS.slice(0, 1), () => undefined)).toEqual({ outputs: [], diagnostics: [] });
});
