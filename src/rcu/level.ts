/** The objects that each level of detail keeps on a machine. */

import type { Machine, Section } from '../machine/index.js';
import { rcu_fifo_state, type RcuFifo } from './fifo.js';
import { rcu_section, type RcuLevel } from './rcu.js';
import { rcu_tree_state, type RcuState } from './tree/state.js';

/** What a kernel has of RCU besides functions: the section, and what its level adds. */
export interface RcuObjects {
  readonly rcu: Section;
  readonly rcu_fifo?: RcuFifo;
  readonly rcu_state?: RcuState;
}

/** Set up RCU on a machine, before it has tasks. */
export function rcu_objects(machine: Machine, level: RcuLevel): RcuObjects {
  const rcu = rcu_section(machine);
  switch (level) {
    case 'abstract':
      return { rcu };
    case 'fifo':
      return { rcu, rcu_fifo: rcu_fifo_state(machine) };
    case 'tree':
      return { rcu, rcu_state: rcu_tree_state(machine) };
  }
}
