// docs/element-library.md, from the element.yaml files of elements/. The page is a function of them: what it says of an element stands there and nowhere else.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

/** Distributions and families as people write them. */
const NAMES = {
  almalinux: 'AlmaLinux',
  centos: 'CentOS Stream',
  debian: 'Debian and Ubuntu',
  fedora: 'Fedora',
  gentoo: 'Gentoo',
  opensuse: 'openSUSE',
  redhat: 'Fedora, CentOS Stream, Rocky Linux, AlmaLinux, RHEL',
  rhel: 'RHEL',
  rocky: 'Rocky Linux',
  suse: 'openSUSE',
  ubuntu: 'Ubuntu',
};

/** The page for a directory of elements. Those without element.yaml are left out: lint asks for it. */
export function elementLibrary(directory) {
  const elements = readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(path.join(directory, entry.name, 'element.yaml')))
    .map(({ name }) => readElement(directory, name))
    .sort((left, right) => (left.name < right.name ? -1 : 1));
  return `${[
    '# The element library',
    '',
    '<!-- Made by `npm run generate` from elements/*/element.yaml: do not edit. -->',
    '',
    'The elements shipped with dib. `dib elements show NAME` prints the same and more: hooks in order, packages, dependents. How an element is',
    'made: [elements.md](elements.md).',
    '',
    '| element | what it does |',
    '|---|---|',
    ...elements.map(({ name, summary }) => `| [${name}](#${anchor(name)}) | ${cell(summary)} |`),
    ...elements.flatMap(section),
  ].join('\n')}\n`;
}

function readElement(directory, name) {
  const file = path.join(directory, name, 'element.yaml');
  return {
    name,
    ...parse(readFileSync(file, 'utf8')),
    deps: lines(directory, name, 'element-deps'),
    provides: lines(directory, name, 'element-provides'),
  };
}

function lines(directory, name, file) {
  try {
    return readFileSync(path.join(directory, name, file), 'utf8')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
  } catch {
    return [];
  }
}

function section({ name, summary, description, distros, deps, provides, network, variables = {} }) {
  const facts = [
    distros === undefined
      ? undefined
      : `For ${[...new Set(distros.includes('debian') ? distros.filter((each) => each !== 'ubuntu') : distros)].map((each) => NAMES[each] ?? each).join(', ')}.`,
    provides.length === 0 ? undefined : `Provides ${provides.map((each) => `\`${each}\``).join(', ')}.`,
    deps.length === 0 ? undefined : `Needs ${deps.map((each) => `\`${each}\``).join(', ')}.`,
    network === undefined || network.length === 0
      ? undefined
      : `Uses the network in ${network.map((each) => `\`${each}\``).join(', ')}.`,
  ].filter((fact) => fact !== undefined);
  const rows = Object.keys(variables)
    .sort()
    .map((variable) => row(variable, variables[variable]));
  return [
    '',
    `## ${name}`,
    '',
    `${summary.replace(/\.$/u, '')}.${facts.length === 0 ? '' : ` ${facts.join(' ')}`} More in its [README](../elements/${name}/README.md).`,
    ...(description === undefined ? [] : ['', description.trim()]),
    ...(rows.length === 0 ? [] : ['', '| variable | type | default | meaning |', '|---|---|---|---|', ...rows]),
  ];
}

function row(name, variable) {
  const values = variable.enum === undefined ? '' : `: ${variable.enum.map((value) => `\`${value}\``).join(', ')}`;
  const fallback = variable.default === undefined || variable.default === '' ? '' : `\`${variable.default}\``;
  const remarks = [
    variable.required ? '**Required.**' : '',
    cell(variable.description),
    variable.secret ? 'Never shown or stored.' : '',
    variable.deprecated === undefined ? '' : `Deprecated: ${cell(variable.deprecated)}`,
  ];
  const cells = [
    `\`${name}\``,
    `${variable.type}${values}`,
    variable.required ? '' : fallback,
    remarks.filter((each) => each !== '').join(' '),
  ];
  return `| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
}

function cell(text) {
  return text.trim().replaceAll(/\s+/gu, ' ');
}

/** GitHub's anchor of a heading, for names of elements. */
function anchor(name) {
  return name.toLowerCase().replaceAll(/[^a-z0-9-]/gu, '');
}
