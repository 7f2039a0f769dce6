import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { emulationFault } from '../../../src/host/emulation.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-binfmt-'));
});
afterEach(() => rmSync(directory, { recursive: true }));
const handler = (text: string) => writeFileSync(join(directory, 'qemu-aarch64'), text);

test('needs no handler for what the processor runs by itself', () => {
  expect(emulationFault('amd64', 'amd64', directory)).toBeUndefined();
  expect(emulationFault('i386', 'amd64', directory)).toBeUndefined();
});

test('tells what is missing: the file system, the handler, its being enabled, its flag', () => {
  expect(emulationFault('arm64', 'amd64', directory)).toBe('binfmt_misc is not mounted');
  writeFileSync(join(directory, 'status'), 'enabled\n');
  expect(emulationFault('arm64', 'amd64', directory)).toBe('the kernel has no handler qemu-aarch64');
  handler('disabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OCF\n');
  expect(emulationFault('arm64', 'amd64', directory)).toBe('its handler qemu-aarch64 is disabled');
  handler('enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OC\n');
  expect(emulationFault('arm64', 'amd64', directory)).toBe('its handler qemu-aarch64 has not the flag F');
  handler('enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: POCF\noffset 0\n');
  expect(emulationFault('arm64', 'amd64', directory)).toBeUndefined();
});
