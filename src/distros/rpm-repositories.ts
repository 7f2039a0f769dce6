import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A repository of RPM packages that dib itself knows. */
export interface Repository {
  /** As the distribution's own file of repositories calls it. */
  readonly id: string;
  /** Directory with `repodata`. */
  readonly url: string;
}

/** One section of a file of repositories, as dnf.conf(5) and zypper(8) read it. */
interface Section {
  /** Empty: what stands before the first section. */
  readonly id: string;
  readonly lines: readonly string[];
}

function sections(text: string): Section[] {
  const found: { id: string; lines: string[] }[] = [{ id: '', lines: [] }];
  for (const line of text.replace(/\n$/, '').split('\n')) {
    const id = /^\[([^\]]+)\]\s*$/.exec(line)?.[1];
    if (id !== undefined) found.push({ id, lines: [line] });
    else found.at(-1)?.lines.push(line);
  }
  return found.filter(({ lines }) => lines.join('').trim() !== '');
}

function text(parts: readonly Section[]): string {
  return parts.map(({ lines }) => `${lines.join('\n')}\n`).join('');
}

/** Where a repository is looked for: one of them is given. */
const PLACES = /^(baseurl|metalink|mirrorlist)\s*=/;

/**
 * A distribution's file of repositories with those that dib knows at the image's own mirror. Others that are enabled are disabled: a mirror in a
 * closed network has none of them, and a single one out of reach stops every installation.
 */
export function redirectRepositories(content: string, repositories: readonly Repository[]): string {
  const changed = sections(content).map((section): Section => {
    if (section.id === '') return section;
    const known = repositories.find(({ id }) => id === section.id);
    if (known === undefined) {
      return { ...section, lines: section.lines.map((line) => (/^enabled\s*=/.test(line) ? 'enabled=0' : line)) };
    }
    const lines = section.lines.filter((line) => !PLACES.test(line) && !/^enabled\s*=/.test(line));
    return { ...section, lines: [lines[0] as string, `baseurl=${known.url}`, 'enabled=1', ...lines.slice(1)] };
  });
  return text(changed);
}

/** Files of repositories in a directory of a tree; what is a link there may lead out of it, and is left alone. */
function repositoryFiles(directory: string): string[] {
  if (lstatSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.repo'))
    .map(({ name }) => join(directory, name))
    .sort();
}

/** Redirects every file of repositories in a directory of the tree; those that no file has come into one of their own. */
export function redirectDirectory(directory: string, repositories: readonly Repository[], keys: string): void {
  if (!existsSync(directory)) return;
  const seen = new Set<string>();
  for (const file of repositoryFiles(directory)) {
    const content = readFileSync(file, 'utf8');
    for (const { id } of sections(content)) seen.add(id);
    writeFileSync(file, redirectRepositories(content, repositories));
  }
  const missing = repositories.filter(({ id }) => !seen.has(id));
  if (missing.length > 0) writeFileSync(join(directory, 'mirror.repo'), repositoryText(missing, [`gpgkey=${keys}`]));
}

/** Sections for repositories, with packages checked by their signatures. */
export function repositoryText(repositories: readonly Repository[], settings: readonly string[]): string {
  return repositories
    .map(({ id, url }) => [`[${id}]`, `name=${id}`, `baseurl=${url}`, 'enabled=1', 'gpgcheck=1', ...settings].join('\n'))
    .map((section) => `${section}\n`)
    .join('');
}

/**
 * The repositories of a tree's own files that dib does not know itself, such as those that an element added, to be read from outside:
 * keys that lie in the tree are named by their path on the builder.
 */
export function furtherRepositories(root: string, directory: string, known: readonly Repository[]): string {
  return repositoryFiles(join(root, directory))
    .flatMap((file) => sections(readFileSync(file, 'utf8')))
    .filter(({ id }) => id !== '' && !known.some((repository) => repository.id === id))
    .map(({ lines }) => `${lines.join('\n').replaceAll(/\bfile:\/\/\/(etc|usr)\//g, `file://${root}/$1/`)}\n`)
    .join('');
}
