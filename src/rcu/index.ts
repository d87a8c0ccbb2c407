/** RCU for the miniature kernel. */
export { rcu_functions, type RcuOps } from './functions.js';
export { RCU_POLLED_BRANCHES, RcuGpOldstate } from './polled.js';
export { rcu_assign_pointer, rcu_section, type RcuCallback, type RcuKernel } from './rcu.js';
export { DEFINE_SRCU, SrcuStruct } from './srcu.js';
