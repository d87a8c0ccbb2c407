/** The simulated machine, as the kernel folders and the tools see it. */
export { bind_functions, type Bound, type KernelFunction } from './bound.js';
export * from './completion.js';
export * from './err.js';
export * from './finding.js';
export { MisuseError } from './grow.js';
export { ACCESS } from './accesses.js';
export { Machine, type MachineOptions, type Observer } from './machine.js';
export type { Invariant } from './reports.js';
export * from './memory.js';
export { Node, type Context, type Held } from './node.js';
export * from './op-control.js';
export * from './op-memory.js';
export * from './op-notes.js';
export {
  type AnyOp,
  type AtomicStep,
  type Branch,
  type Condition,
  KIND,
  type Kind,
  type Note,
  Op,
  type Order,
  type Reply,
  type Section,
  type SectionToken,
  type SpawnOptions,
  type Task,
  type TaskHandle,
  branch,
  isLoadForUpdate,
  withStacks,
} from './op.js';
export { differs } from './relax.js';
export { AGAIN, retry } from './retry.js';
export type { CallFrame, Rule, Write } from './rule.js';
export * from './seqcount.js';
export * from './seqlock.js';
export * from './spinlock.js';
export { TaskRec } from './task.js';
export { cmpxchg_loop, GAVE_UP } from './update.js';
export { List } from './value.js';
export * from './wait.js';
