import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fail } from '../diagnostics/errors.ts';
import { quoted, quotedPath } from '../diagnostics/printable.ts';
import { didYouMean } from '../diagnostics/suggest.ts';
import { credentialsOf, publicLocation } from '../elements/source-location.ts';
import { placeOf, type SourceRepository } from '../elements/source-repositories.ts';
import type { Command, CommandResult } from '../exec/command.ts';
import type { ActionContext } from './kind.ts';
import type { Fetch } from './source.ts';
import type { SourceInputs } from './source-graph.ts';

/** All branches and tags: setuptools and its like read versions from tags. */
const REFSPECS = ['+refs/heads/*:refs/remotes/origin/*', '+refs/tags/*:refs/tags/*'];

/** What upstream makes of the ref `*`: all branches are local ones. */
const ALL_LOCAL = '+refs/heads/*:refs/heads/*';

/** The commands of a fetch, as the plan shows them. */
export function gitCommands({ location, ref, revision }: SourceInputs): readonly Command[] {
  return [
    { argv: ['git', 'ls-remote', '--', location, ...patterns(ref)] },
    { argv: ['git', 'fetch', location, ...REFSPECS] },
    { argv: ['git', 'checkout', '-B', branchOf(ref), revision] },
  ];
}

function patterns(ref: string): readonly string[] {
  return ['HEAD', 'refs/heads/*', 'refs/tags/*', ...(ref === '*' ? [] : [ref])];
}

/** The branch that is checked out has upstream's name. */
function branchOf(ref: string): string {
  return `fetch_${ref === '*' ? 'HEAD' : ref}`;
}

/**
 * The commit that a ref of a remote repository stands for now; undefined for an abbreviated commit, which only a fetch can tell. Order of names as in
 * gitrevisions(7): as it is, tags, heads. Throws DIB_SOURCE_REF where there is none.
 */
export async function resolveRef(source: SourceRepository, scratch: string, context: ActionContext): Promise<string | undefined> {
  const { ref } = source;
  const argv = ['ls-remote', '--', publicLocation(source.location), ...patterns(ref)];
  const { stdout } = await git(argv, source, scratch, context);
  const refs = new Map(
    stdout.split('\n').flatMap((line) => {
      const [commit, name] = line.split('\t');
      return commit === undefined || name === undefined ? [] : [[name, commit] as const];
    }),
  );
  const name = ref === '*' ? 'HEAD' : ref;
  for (const candidate of [
    `${name}^{}`,
    name,
    `refs/${name}`,
    `refs/tags/${name}^{}`,
    `refs/tags/${name}`,
    `refs/heads/${name}`,
  ]) {
    const commit = refs.get(candidate);
    if (commit !== undefined) return commit;
  }
  if (/^[0-9a-f]{4,64}$/.test(ref)) return undefined;
  return refNotFound(source, [...refs.keys()]);
}

function refNotFound(source: SourceRepository, names: readonly string[]): never {
  const short = names.map((name) => name.replace(/^refs\/(heads|tags)\//, '').replace(/\^\{\}$/, ''));
  const guess = didYouMean(source.ref, short);
  const main = ['main', 'trunk', 'devel'].find((name) => short.includes(name));
  const variable = quoted(`DIB_REPOREF_${source.name.replace(/[^A-Za-z0-9]/g, '_')}`);
  const hint =
    source.ref === 'master' && main !== undefined
      ? `Without a ref \`master\` is meant; this repository has ${quoted(main)}: write it at the end of the line, or set ${variable}.`
      : guess !== undefined
        ? `Did you mean ${quoted(guess)}?`
        : `Correct the ref at the end of the line, or set ${variable}.`;
  return fail({
    code: 'DIB_SOURCE_REF',
    summary: `The source ${quoted(source.name)} has no ${quoted(source.ref)}`,
    detail: `There is no branch, tag or commit of that name at ${quotedPath(publicLocation(source.location))}.`,
    help: hint,
    ...placeOf(source),
  });
}

/** Clones a repository with all branches and tags, and checks the revision out into `content`. Gives its commit. */
export async function fetchRepository({ source, revision, tree, scratch, context }: Fetch): Promise<string> {
  const content = join(tree, 'content');
  const location = publicLocation(source.location);
  const branch = branchOf(source.ref);
  const run = (argv: readonly string[], okExitCodes?: readonly number[]) => git(argv, source, scratch, context, okExitCodes);
  const inside = (argv: readonly string[], okExitCodes?: readonly number[]) => run(['-C', content, ...argv], okExitCodes);
  await run(['init', '--quiet', '--template=', `--initial-branch=${branch}`, '--', content]);
  await inside(['remote', 'add', 'origin', location]);
  const fetch = ['fetch', '--quiet', '--no-write-fetch-head', '--no-auto-maintenance', 'origin'];
  context.progress(`git fetch ${location}`);
  await inside([...fetch, ...REFSPECS, ...(source.ref === '*' ? [ALL_LOCAL] : [])]);
  const commit = async (name: string) => {
    const found = await inside(['rev-parse', '--quiet', '--verify', '--end-of-options', `${name}^{commit}`], [0, 1, 128]);
    return found.exitCode === 0 ? found.stdout.trim() : undefined;
  };
  const wanted = revision ?? source.ref;
  let found = await commit(wanted);
  // What no branch and no tag leads to, such as a change under review: by its ref, else by its commit, which not all servers allow.
  for (const name of source.ref.startsWith('refs/') ? [source.ref, wanted] : [wanted]) {
    if (found !== undefined || revision === undefined) break;
    await inside([...fetch, name], [0, 1, 128]);
    found = await commit(wanted);
  }
  if (found === undefined) return commitGone(source, wanted);
  await inside(['checkout', '--quiet', '--force', '--no-track', '-B', branch, found]);
  return found;
}

function commitGone(source: SourceRepository, commit: string): never {
  const pinned = source.ref === commit;
  return fail({
    code: 'DIB_SOURCE_REF',
    summary: `The source ${quoted(source.name)} has no commit ${quoted(commit)}${pinned ? '' : ' any more'}`,
    detail: pinned
      ? `No branch or tag of ${quotedPath(publicLocation(source.location))} leads to it, and the server does not give it by itself.`
      : `${quoted(source.ref)} was that commit when it was first fetched; no branch or tag leads to it now.`,
    help: pinned ? 'Correct the commit.' : `Run \`dib apply --upgrade\` to take what ${quoted(source.ref)} is now.`,
    ...placeOf(source),
  });
}

/** Runs git with a configuration of ours on top of the user's: nobody is asked, nothing of the builder gets into the tree. */
async function git(
  argv: readonly string[],
  source: SourceRepository,
  scratch: string,
  context: ActionContext,
  okExitCodes?: readonly number[],
): Promise<CommandResult> {
  const config = join(scratch, 'gitconfig');
  writeFileSync(config, configuration(source, scratch), { mode: 0o600 });
  const agent = process.env['SSH_AUTH_SOCK'];
  const env = {
    GIT_CONFIG_GLOBAL: config,
    GIT_TERMINAL_PROMPT: '0',
    ...(agent === undefined ? {} : { SSH_AUTH_SOCK: agent }),
  };
  return await context.run({ argv: ['git', ...argv], env, cwd: '/', okExitCodes });
}

/** git-config(1). The password of a location goes through a credential store: argument vectors can be read by everybody, and are logged. */
function configuration(source: SourceRepository, scratch: string): string {
  const lines = [
    `[include]\n\tpath = ${JSON.stringify(join(homedir(), '.gitconfig'))}`,
    // The repository may belong to another user, or to an id that the worker has no name for; its content is read only.
    '[safe]\n\tdirectory = *',
    '[core]\n\tautocrlf = false\n\tfsmonitor = false\n\thooksPath = /dev/null\n\tlogAllRefUpdates = false',
    '[gc]\n\tauto = 0',
    '[protocol "file"]\n\tallow = always',
  ];
  const credentials = credentialsOf(source.location);
  if (credentials !== undefined) {
    const [scheme] = source.location.split('://');
    const host = /^[^:]+:\/\/[^/@]*@([^/]+)/.exec(source.location)?.[1] ?? '';
    const store = join(scratch, 'credentials');
    const login = credentials.includes(':') ? credentials : `${credentials}:`;
    writeFileSync(store, `${scheme}://${login}@${host}\n`, { mode: 0o600 });
    // An empty helper forgets those of the user; the value is read by a shell.
    lines.push(`[credential]\n\thelper =\n\thelper = ${JSON.stringify(`store --file='${store.replaceAll("'", `'\\''`)}'`)}`);
  }
  return `${lines.join('\n')}\n`;
}
