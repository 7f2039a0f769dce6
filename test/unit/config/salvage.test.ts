import { describe, expect, it } from 'vitest';
import { parseImage } from '../../../src/config/load.ts';

const HEAD = 'apiVersion: dib/v1\nname: web\ndistro: { name: debian, release: bookworm }\n';
const salvaged = (text: string) => parseImage(text, 'image.yaml', 'amd64').salvaged?.config;

describe('an image with mistakes, without them', () => {
  it('keeps the places of list items', () => {
    expect(salvaged(`${HEAD}elements: [vm, ../evil, growroot]\n`)?.elements).toEqual(['vm', 'base', 'growroot']);
  });

  it('leaves out what is wrong and keeps the rest', () => {
    const config = salvaged(`${HEAD}pakages: [a]\noutputs: [qcow3]\nenvironment: { 1A: x, DIB_X: y }\nblock_device: []\n`);
    expect(config?.outputs.map(({ format }) => format)).toEqual(['qcow2']);
    expect(config?.environment).toEqual({ DIB_X: 'y' });
    expect(config?.block_device).toEqual([]);
  });

  it('has a name and a distribution to go on with', () => {
    const config = salvaged('apiVersion: dib/v2\nname: ../web\ndistro: { name: debain, release: bookworm }\n');
    expect(config).toMatchObject({ name: 'image', apiVersion: 'dib/v1', distro: { name: 'debian', release: 'bookworm' } });
  });

  it('does not invent a distribution', () => {
    expect(salvaged('apiVersion: dib/v1\nname: ../web\n')?.distro).toBeUndefined();
  });

  it('is not there where one mistake would look like many', () => {
    expect(salvaged(`${HEAD}elements_path: 3\n`)).toBeUndefined();
    expect(salvaged('- a\n')).toBeUndefined();
    expect(salvaged(`${HEAD}name: again\n`)).toBeUndefined();
  });

  it('is not there where nothing is wrong', () => {
    expect(salvaged(HEAD)).toBeUndefined();
  });
});
