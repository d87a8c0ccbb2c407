/** The simulated machine, as the kernel folders and the tools see it. */
export type { Bound, KernelFunction } from './bound.js';
export * from './completion.js';
export * from './err.js';
export * from './finding.js';
export { MisuseError } from './grow.js';
export { ACCESS } from './accesses.js';
export { Machine, type Invariant, type MachineOptions, type Observer } from './machine.js';
export * from './memory.js';
export { Node, type Context, type Held } from './node.js';
export * from './op.js';
export { AGAIN, retry } from './retry.js';
export type { CallFrame, Rule, Write } from './rule.js';
export * from './seqcount.js';
export * from './seqlock.js';
export * from './spinlock.js';
export { TaskRec } from './task.js';
export { List } from './value.js';
export * from './wait.js';
