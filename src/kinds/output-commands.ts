import type { Command } from '../exec/command.ts';
import { type OutputInputs, shown } from './disk-inputs.ts';
import type { Requirement } from './kind.ts';

/** The command that writes an output from its source: a disk file, for tar the directory of the merged tree, or a file that an element made. */
export function outputCommand(inputs: OutputInputs, source: string, target: string): Command {
  switch (inputs.format) {
    case 'raw':
      return { argv: ['cp', '--sparse=always', '--reflink=auto', '--', source, target] };
    case 'qcow2':
      return { argv: ['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', ...qcow2Compression(inputs), source, target] };
    case 'file':
      return { argv: ['cp', '--reflink=auto', '--', source, target] };
    case 'tar':
      return tarCommand(inputs, source, target);
  }
}

/** Clusters are written in order (no -W), so that the same disk gives the same file. */
function qcow2Compression({ compression }: OutputInputs): string[] {
  if (compression === 'none') return [];
  return ['-c', '-o', `compression_type=${compression === 'zlib' || compression === 'gzip' ? 'zlib' : 'zstd'}`];
}

/** Times that reading a tree changes (access, inode change) and the id of tar's process are kept out of the pax headers (sparse format 1.0 has it too). */
function tarCommand({ compression, epoch }: OutputInputs, source: string, target: string): Command {
  const argv = ['tar', '--create', `--file=${target}`, `--directory=${source}`, '--format=pax'];
  argv.push('--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime', '--sort=name', '--numeric-owner');
  argv.push('--xattrs', '--xattrs-include=*', '--acls', '--sparse', '--sparse-version=0.0', '--warning=no-file-ignored');
  if (epoch !== undefined) argv.push(`--mtime=@${shown(epoch, 'epoch')}`, '--clamp-mtime');
  if (compression === 'zstd') argv.push('--use-compress-program=zstd -3 -T0');
  if (compression === 'gzip' || compression === 'zlib') argv.push('--use-compress-program=gzip --no-name');
  argv.push('.');
  return { argv };
}

/** What writing an output needs of the machine. */
export function outputRequirements(inputs: OutputInputs): Requirement[] {
  switch (inputs.format) {
    case 'raw':
    case 'file':
      return [];
    case 'qcow2':
      return [{ need: 'tool', name: 'qemu-img', package: 'qemu-utils', why: 'writes qcow2 images' }];
    case 'tar': {
      const needs: Requirement[] = [{ need: 'tool', name: 'tar', package: 'tar', why: 'writes tar archives' }];
      if (inputs.compression === 'zstd')
        needs.push({ need: 'tool', name: 'zstd', package: 'zstd', why: 'compresses tar archives' });
      if (inputs.compression === 'gzip')
        needs.push({ need: 'tool', name: 'gzip', package: 'gzip', why: 'compresses tar archives' });
      return needs;
    }
  }
}
