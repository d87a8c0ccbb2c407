/**
 * The tree of nodes in which a grace period notes who still owes it a quiescent state.
 *
 * Two levels: each leaf has a bit per CPU, the root a bit per leaf. Invariant: a bit is cleared once
 * and never set again in one grace period, and the root's is cleared after the last one of its leaf;
 * so an empty root means that everybody has reported. Mirrors kernel/rcu/tree.h and tree.c.
 */

import { atomic_step, Struct, type Cell, type Op } from '../../machine/index.js';
import { NR_CPUS } from '../rcu.js';

const RCU_FANOUT_LEAF = 2;

/** struct rcu_node. Its lock is left out: what is done under it is one step. */
export class RcuNode extends Struct {
  /** CPUs, or leaves, that have yet to report to the grace period that runs. */
  readonly qsmask = this.cell('qsmask', 0);
  /** The same for the expedited one. */
  readonly expmask = this.cell('expmask', 0);
  /** Leaves only: CPUs that the next grace period waits for, those online. */
  readonly qsmaskinitnext = this.cell('qsmaskinitnext', 0);
  readonly level: number;
  /** First CPU and last. */
  readonly grplo: number;
  readonly grphi: number;

  constructor(level: number, grplo: number, grphi: number) {
    super('rcu_node');
    this.level = level;
    this.grplo = grplo;
    this.grphi = grphi;
    if (level === 1) this.qsmaskinitnext.value = (1 << (grphi - grplo + 1)) - 1;
  }

  override toString(): string {
    return `rcu_node(CPUs ${this.grplo}-${this.grphi})`;
  }
}

type Mask = 'qsmask' | 'expmask';

/** How an atomic step writes. */
export type Setter = <V>(cell: Cell<V>, value: V) => void;

/** The nodes, and where a CPU's bit is. */
export class RcuNodeTree {
  readonly root = new RcuNode(0, 0, NR_CPUS - 1);
  readonly leaves: readonly RcuNode[] = Array.from(
    { length: NR_CPUS / RCU_FANOUT_LEAF },
    (_, i) => new RcuNode(1, i * RCU_FANOUT_LEAF, (i + 1) * RCU_FANOUT_LEAF - 1),
  );

  leafOf(cpu: number): RcuNode {
    return this.leaves[Math.floor(cpu / RCU_FANOUT_LEAF)];
  }

  /** A CPU's bit in its leaf. */
  bitOf(cpu: number): number {
    return 1 << (cpu % RCU_FANOUT_LEAF);
  }

  isOnline(cpu: number): boolean {
    return (this.leafOf(cpu).qsmaskinitnext.value & this.bitOf(cpu)) !== 0;
  }

  /** A bit per CPU that has yet to report. Reads cells: for the inside of an atomic step. */
  owing(mask: Mask): number {
    let cpus = 0;
    for (const leaf of this.leaves) cpus |= leaf[mask].value << leaf.grplo;
    return cpus;
  }

  /**
   * Note that everybody owes a report who is there and online. Inside an atomic step that writes the cells of {@link cellsOf}.
   */
  init(set: Setter, mask: Mask, nr_cpu_ids: number): void {
    let leavesThatOwe = 0;
    for (const [i, leaf] of this.leaves.entries()) {
      let cpus = 0;
      for (let cpu = leaf.grplo; cpu <= leaf.grphi; cpu += 1) {
        if (cpu < nr_cpu_ids && this.isOnline(cpu)) cpus |= this.bitOf(cpu);
      }
      set(leaf[mask], cpus);
      if (cpus !== 0) leavesThatOwe |= 1 << i;
    }
    set(this.root[mask], leavesThatOwe);
  }

  /** Clear a CPU's bit, and its leaf's in the root if it was the last. Inside an atomic step. */
  report(set: Setter, mask: Mask, cpu: number): void {
    const leaf = this.leafOf(cpu);
    const left = leaf[mask].value & ~this.bitOf(cpu);
    set(leaf[mask], left);
    if (left !== 0) return;
    set(this.root[mask], this.root[mask].value & ~(1 << this.leaves.indexOf(leaf)));
  }

  /** All cells of one mask. */
  cellsOf(mask: Mask): RcuNode[Mask][] {
    return [this.root, ...this.leaves].map((node) => node[mask]);
  }

  /** The cells that say who is online. */
  get online(): RcuNode['qsmaskinitnext'][] {
    return this.leaves.map((leaf) => leaf.qsmaskinitnext);
  }

  /**
   * One step: CPUs report. Nobody acts on a leaf that is empty while its bit in the root is set.
   * @returns who has yet to
   */
  reportStep(label: string, mask: Mask, cpus: readonly number[]): Op<number> {
    return atomic_step({
      label,
      reads: [],
      writes: this.cellsOf(mask),
      run: (set) => {
        for (const cpu of cpus) this.report(set, mask, cpu);
        return this.owing(mask);
      },
    });
  }
}
