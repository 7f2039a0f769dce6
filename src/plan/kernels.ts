import type { Requirement } from '../kinds/kind.ts';

/** What needs a kernel rather than a program. */
export type KernelNeed = Extract<Requirement, { need: 'loop' | 'kernel' | 'filesystem' }>;

/** A kernel that block devices can be attached to, from what can be read: nothing is run. */
export interface KernelView {
  has(need: KernelNeed): boolean;
}

/** The kernels at hand. */
export interface Kernels {
  readonly host: KernelView;
  /** Virtual machines that can be started here, the best first. */
  readonly machines: readonly { readonly name: 'uml' | 'qemu'; readonly title: string; readonly kernel: KernelView }[];
}

/** Needs that a kernel meets. */
export const KERNEL_NEEDS: ReadonlySet<string> = new Set<KernelNeed['need']>(['loop', 'kernel', 'filesystem']);

/** A need as part of `this kernel has no ...`. */
export function nameOfNeed(need: KernelNeed): string {
  if (need.need === 'loop') return 'loop devices';
  return need.need === 'filesystem' ? `driver for ${need.name}` : need.name;
}
