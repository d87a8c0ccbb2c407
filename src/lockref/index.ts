/** lockref in three models. */
import type { Branch } from '../machine/index.js';
import { cmpxchg_ops, LOCKREF_BRANCHES } from './cmpxchg.js';
import { COUNTER_BRANCHES, counter_ops } from './counter.js';
import { locked_ops } from './locked.js';
import type { LockrefModel, LockrefOps } from './lockref.js';

export * from './lockref.js';

/** The operations of a model. */
export function lockref_ops(model: LockrefModel): LockrefOps {
  return { faithful: cmpxchg_ops, spinlock: locked_ops, counter: counter_ops }[model];
}

/** The branches whose coverage a model reports. */
export function lockref_branches(model: LockrefModel): readonly Branch[] {
  return { faithful: LOCKREF_BRANCHES, spinlock: [], counter: COUNTER_BRANCHES }[model];
}
