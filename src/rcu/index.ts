/** RCU for the miniature kernel. */
export { rcu_functions, rcu_functions_of, type RcuOps } from './functions.js';
export { rcu_objects } from './level.js';
export { RCU_POLLED_BRANCHES, RcuGpOldstate } from './polled.js';
export {
  RCU_LEVELS,
  rcu_assign_pointer,
  rcu_section,
  type RcuCallback,
  type RcuKernel,
  type RcuLevel,
} from './rcu.js';
export { DEFINE_SRCU, SrcuStruct } from './srcu.js';
export { RCU_TREE_BRANCHES } from './tree/sync.js';
