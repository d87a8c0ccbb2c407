/** RCU for the miniature kernel. */
export * from './rcu.js';
