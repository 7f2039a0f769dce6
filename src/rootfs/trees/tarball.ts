import { createHash } from 'node:crypto';
import { copyFileSync, createWriteStream, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import prettyBytes from 'pretty-bytes';
import type { DistroConfig, TreeSource } from '../../config/image.ts';
import { fail } from '../../diagnostics/errors.ts';
import { quoted, quotedPath } from '../../diagnostics/printable.ts';
import type { BootstrapContext } from '../../distros/distro.ts';
import { fileDigest } from '../../util/hash.ts';
import { treeDigest } from './digest.ts';
import type { TreeMaker } from './tree-source.ts';
import { checkTree, tarCommand, unpackOver, unpackTools } from './unpack.ts';

type Tarball = Extract<TreeSource, { readonly type: 'tarball' }>;

/** Any root file system as a tar archive. */
export const tarball: TreeMaker = {
  tools: ({ source }) => unpackTools(nameOf(source)),
  commands: (_config, { target, scratch }) => [tarCommand(join(scratch, 'archive'), target, join(scratch, 'archive.skipped'))],
  async fill(config, { target, scratch }, context) {
    const source = config.source as Tarball;
    const archive = join(scratch, 'archive');
    const sha256 = treeDigest(config) ?? '';
    if (source.url !== undefined) await download(source.url, archive, sha256, context);
    else await copyLocal(config, archive);
    const { newest } = await unpackOver(archive, target, context, { layer: false });
    checkTree(target, config);
    return { mirrorDigest: sha256, epoch: newest };
  },
};

function nameOf(source: DistroConfig['source']): string {
  if (source?.type !== 'tarball') return '';
  return source.url === undefined ? (source.path ?? '') : basename(new URL(source.url).pathname);
}

async function copyLocal({ files, source }: DistroConfig, archive: string): Promise<void> {
  const { path, sha256 } = files?.tree ?? { path: '', sha256: '' };
  copyFileSync(path, archive);
  // It may have been replaced since the plan was made.
  checkSum(await fileDigest(archive), sha256, quotedPath((source as Tarball).path ?? path));
}

/** Fetches an archive; what arrives is summed up on the way, and nothing is left of it when the sum is another one. */
export async function download(url: string, path: string, sha256: string, context: BootstrapContext): Promise<void> {
  const hash = createHash('sha256');
  let received = 0;
  let announced = Date.now();
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      received += chunk.length;
      if (Date.now() - announced > 1000) {
        announced = Date.now();
        context.progress(`downloading ${basename(new URL(url).pathname)}: ${prettyBytes(received)}`);
      }
      done(null, chunk);
    },
  });
  try {
    const response = await fetch(url, { signal: context.signal });
    if (!response.ok || response.body === null) throw new Error(`the server answers ${response.status} ${response.statusText}`);
    await pipeline(Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]), meter, createWriteStream(path));
  } catch (error) {
    rmSync(path, { force: true });
    fail({
      code: 'DIB_TREE_DOWNLOAD',
      summary: `${quoted(url, 200)} cannot be downloaded: ${reasonOf(error)}`,
      help: `Try it with \`curl -LO ${url}\`; a file beside image.yaml is named by \`path\` instead of \`url\`.`,
    });
  }
  context.log(`${received} bytes from ${url}\n`);
  const found = hash.digest('hex');
  if (found !== sha256) rmSync(path, { force: true });
  checkSum(found, sha256, quoted(url, 200));
}

/** The cause of a failed fetch stands below a general error. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
}

/** `name`: quoted already. */
export function checkSum(found: string, wanted: string, name: string): void {
  if (found === wanted) return;
  fail({
    code: 'DIB_TREE_SUM',
    summary: `${name} has another SHA-256 than image.yaml says`,
    detail: `It is ${found},\nnot       ${wanted}.`,
    help: `If you trust what is there now, write \`sha256: ${found}\`.`,
  });
}
