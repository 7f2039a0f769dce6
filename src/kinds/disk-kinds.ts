import { bootloader } from './bootloader.ts';
import { fstab } from './fstab.ts';
import type { Kind } from './kind.ts';
import { localLoop } from './local-loop.ts';
import { mkfs } from './mkfs.ts';
import { mount } from './mount.ts';
import { output } from './output.ts';
import { partition } from './partition.ts';
import { partitioning } from './partitioning.ts';
import { treeRoot } from './tree.ts';
import type { TreeAccess } from './tree-view.ts';

/** All kinds between the merged tree and the finished files. */
export function diskKinds(access: TreeAccess): readonly Kind[] {
  return [localLoop, partitioning, partition, mkfs(access), mount, fstab, treeRoot(access), bootloader(access), output(access)];
}
