import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../src/cli/main.ts';

const TOP = join(import.meta.dirname, '../..');

/** Every page that a user reads. */
function pages(): string[] {
  const below = (directory: string): string[] =>
    readdirSync(join(TOP, directory), { withFileTypes: true }).flatMap((entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : below(path);
      return entry.name.endsWith('.md') ? [path] : [];
    });
  return ['README.md', ...['docs', 'elements', 'examples'].flatMap(below)];
}

/** Commands in fenced blocks and in backticks: `dib plan --out FILE`. */
function commands(text: string): string[] {
  const fenced = [...text.matchAll(/^```[a-z]*\n(.*?)^```/gms)].flatMap(([, block]) => (block as string).split('\n'));
  const inline = [...text.replaceAll(/^```.*?^```/gms, '').matchAll(/`([^`\n]+)`/g)].map(([, code]) => code as string);
  return [...fenced, ...inline]
    .map((line) =>
      line
        .trim()
        .replace(/^(\$|#) /, '')
        .replace(/^sudo /, '')
        .replace(/^npx /, ''),
    )
    .filter((line) => /^(dib|node bin\/dib\.js)( |$)/.test(line))
    .map((line) => line.replace(/\s+#.*$/, ''));
}

/** What of a documented command line the program does not know. */
function unknown(line: string, program: Command): string[] {
  const words = line
    .replace(/^(dib|node bin\/dib\.js) ?/, '')
    .split(/[\s|=]+/)
    .filter((word) => word !== '');
  let command = program;
  const problems: string[] = [];
  for (const word of words) {
    const next = command.commands.find((each) => each.name() === word);
    if (next !== undefined) command = next;
    else if (/^-/.test(word) && !knows(command, word.replace(/[\],.]+$/, '')))
      problems.push(`${command.name()} has no option ${word}`);
    else if (command === program && /^[a-z]+$/.test(word)) problems.push(`there is no command ${word}`);
    if (problems.length > 0) break;
  }
  return problems;
}

function knows(command: Command, option: string): boolean {
  const all = [command, command.parent, command.parent?.parent].flatMap((each) => each?.options ?? []);
  return ['-h', '--help', '--'].includes(option) || all.some((each) => each.short === option || each.long === option);
}

describe('commands in the documentation', () => {
  const program = buildProgram();
  it.each(pages())('%s', (page) => {
    const problems = commands(readFileSync(join(TOP, page), 'utf8')).flatMap((line) =>
      unknown(line, program).map((problem) => `${line}: ${problem}`),
    );
    expect(problems).toEqual([]);
  });
});
