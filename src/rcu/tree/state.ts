/**
 * What Tree RCU keeps: the one state of grace periods, and the part of each CPU.
 *
 * Invariant: a CPU's callback list is touched by that CPU alone, with interrupts off, or by who
 * queues a barrier behind it; so each use of it is one step. Mirrors kernel/rcu/tree.h.
 */

import {
  Slab,
  Struct,
  type Cell,
  type List,
  type Machine,
  type Section,
  type Task,
} from '../../machine/index.js';
import { cpus_of, NR_CPUS, type RcuKernel } from '../rcu.js';
import type { SrcuStruct } from '../srcu.js';
import { RcuNodeTree, type Setter } from './node.js';
import type { RcuHead, RcuSegcblist } from './segcblist.js';

/** struct rcu_data: one CPU's. */
export class RcuData extends Struct {
  readonly cpu: number;
  /** The segments of the callback list; null for an empty one. */
  readonly done = this.segment('done');
  readonly wait = this.segment('wait');
  readonly next_ready = this.segment('next_ready');
  readonly next = this.segment('next');
  readonly wait_seq = this.cell('wait.gp_seq', 0);
  readonly next_ready_seq = this.cell('next_ready.gp_seq', 0);
  /** Does this CPU's rcu_core() run, or wait for a grace period? */
  readonly core_active = this.cell('core_active', false);
  /** Is a callback of this CPU being invoked right now? It is on no segment any more. */
  readonly invoking = this.cell('invoking', false);

  constructor(cpu: number) {
    super('rcu_data');
    this.cpu = cpu;
  }

  private segment(name: string): Cell<List<RcuHead> | null> {
    return this.cell<List<RcuHead> | null>(name, null);
  }

  /** The cells of the callback list. */
  get cblist_cells(): Cell[] {
    const { done, wait, next_ready, next, wait_seq, next_ready_seq } = this;
    return [done, wait, next_ready, next, wait_seq, next_ready_seq] as Cell[];
  }

  /** The callback list as a value. For the inside of an atomic step. */
  get cblist(): RcuSegcblist {
    return {
      done: this.done.value?.items ?? [],
      wait: this.wait.value?.items ?? [],
      next_ready: this.next_ready.value?.items ?? [],
      next: this.next.value?.items ?? [],
      wait_seq: this.wait_seq.value,
      next_ready_seq: this.next_ready_seq.value,
    };
  }

  override toString(): string {
    return `rcu_data(CPU ${this.cpu})`;
  }
}

/** How many markers of one rcu_barrier() have yet to be invoked. */
export class RcuBarrier extends Struct {
  readonly barrier_cpu_count = this.cell('barrier_cpu_count', 0);

  constructor() {
    super('rcu_barrier');
  }
}

/** struct rcu_state. */
export class RcuState extends Struct {
  /** How far grace periods have come, see seq.ts. */
  readonly gp_seq = this.cell('gp_seq', 0);
  /** The furthest end of a grace period that somebody has asked for. */
  readonly gp_seq_needed = this.cell('gp_seq_needed', 0);
  /** Does the grace-period kthread run? It sleeps while nobody needs a grace period. */
  readonly gp_kthread = this.cell('gp_kthread', false);
  /** The same for expedited grace periods, which their callers run, one after the other. */
  readonly expedited_sequence = this.cell('expedited_sequence', 0);
  readonly exp_mutex = this.cell('exp_mutex', false);
  /** What calls of rcu_barrier() have on their stacks. */
  readonly barriers = new Slab('rcu_barrier', () => new RcuBarrier(), 'never', true);
  readonly nodes = new RcuNodeTree();
  readonly data: readonly RcuData[] = Array.from({ length: NR_CPUS }, (_, cpu) => new RcuData(cpu));
  readonly nr_cpu_ids: () => number;
  /** Where RCU does not watch: idle CPUs and those offline. */
  readonly eqs: Section;

  constructor(eqs: Section, nr_cpu_ids: () => number) {
    super('rcu_state');
    this.eqs = eqs;
    this.nr_cpu_ids = nr_cpu_ids;
  }
}

const OFFLINE = 'an offline CPU runs nothing and is not waited for';

/** A grace period waits for CPUs that are online when it begins; a callback runs on one that is. */
function rule_cpus({ nodes, data }: RcuState): void {
  for (const leaf of nodes.leaves) {
    for (const mask of [leaf.qsmask, leaf.expmask]) {
      mask.rule = (write) => {
        const gone = mask.value & ~(write.old as number) & ~leaf.qsmaskinitnext.value;
        if (gone === 0) return;
        const cpu = leaf.grplo + 31 - Math.clz32(gone);
        write.broken(OFFLINE, `${mask.toString()} waits for CPU ${cpu}, which is offline`);
      };
    }
  }
  for (const { cpu, invoking } of data) {
    invoking.rule = (write) => {
      if (!invoking.value || nodes.isOnline(cpu)) return;
      write.broken(OFFLINE, `a callback is invoked on CPU ${cpu}, which is offline`);
    };
  }
}

/** Set up Tree RCU on a machine, before it has tasks. Source: rcu_init() in kernel/rcu/tree.c. */
export function rcu_tree_state(machine: Machine): RcuState {
  const options = { impliedBySpinlock: false, atomic: false, mayStayOpen: true };
  const eqs = machine.section({ ...options, name: 'idle' });
  const state = machine.global(new RcuState(eqs, () => cpus_of(machine)), 'rcu_state');
  for (const node of [state.nodes.root, ...state.nodes.leaves]) machine.global(node);
  for (const data of state.data) machine.global(data);
  machine.global(state.barriers);
  if (machine.ruled) rule_cpus(state);
  return state;
}

/** What Tree RCU needs of a kernel. Its functions call each other through it. */
export interface RcuTreeKernel extends RcuKernel {
  readonly rcu_state: RcuState;
  list<T>(items: readonly T[]): List<T>;
  rcu_seq_snap(seq: Cell<number>): Task<number>;
  try_check_zero(ssp: SrcuStruct, idx: number): Task<void>;
  rcu_start_this_gp(snap: number): Task<void>;
  rcu_gp_init(): Task<number>;
  rcu_gp_fqs_loop(owing: number): Task<void>;
  rcu_gp_cleanup(): Task<boolean>;
  rcu_advance_cbs(cpu: number): Task<number>;
  rcu_core(cpu: number): Task<void>;
  rcu_do_batch(cpu: number): Task<number>;
  rcu_note_context_switch(): Task<void>;
  synchronize_rcu(): Task<void>;
}

/** Write a callback list back; segments that are empty become null. Inside an atomic step. */
export function store_cblist(
  k: RcuTreeKernel,
  set: Setter,
  rdp: RcuData,
  cblist: RcuSegcblist,
): void {
  for (const name of ['done', 'wait', 'next_ready', 'next'] as const) {
    const items = cblist[name];
    const list = items.length === 0 ? null : k.list(items);
    if (rdp[name].value !== list) set(rdp[name], list);
  }
  for (const name of ['wait_seq', 'next_ready_seq'] as const) {
    if (rdp[name].value !== cblist[name]) set(rdp[name], cblist[name]);
  }
}
