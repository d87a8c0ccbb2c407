/**
 * Sleepable RCU: domains of readers that may sleep, and that only their own domain waits for.
 *
 * Invariant: a grace period of a domain waits for the readers of that domain that were inside when
 * it was asked for, and for nobody else. The level `tree` has the machinery behind it. Mirrors include/linux/srcu.h and kernel/rcu/srcutree.c.
 */

import {
  assert_not_in_section,
  join,
  might_sleep,
  section_actors,
  section_await,
  section_enter,
  section_exit,
  section_snapshot,
  spawn,
  Struct,
  type Cell,
  type Machine,
  type Section,
  type SectionToken,
  type Task,
} from '../machine/index.js';
import { NR_CPUS, type RcuCallback } from './rcu.js';

/** A domain. */
export class SrcuStruct extends Struct {
  readonly section: Section;
  // By which the level `tree` knows who is inside, and how far grace periods have come.
  readonly srcu_idx = this.cell('srcu_idx', 0);
  readonly srcu_lock_count = this.counters('srcu_lock_count');
  readonly srcu_unlock_count = this.counters('srcu_unlock_count');
  readonly srcu_gp_seq = this.cell('srcu_gp_seq', 0);
  readonly srcu_gp_mutex = this.cell('srcu_gp_mutex', false);

  constructor(section: Section) {
    super('srcu_struct');
    this.section = section;
  }

  /** Two sets of a counter per CPU. */
  private counters(name: string): readonly (readonly Cell<number>[])[] {
    return [0, 1].map((idx) =>
      Array.from({ length: NR_CPUS }, (_, cpu) => this.cell<number>(`${name}[${idx}][${cpu}]`, 0)),
    );
  }
}

/** Declare a domain, before the machine has tasks. Source: include/linux/srcu.h. */
export function DEFINE_SRCU(machine: Machine, name: string): SrcuStruct {
  const section = machine.section({ name, impliedBySpinlock: false, atomic: false });
  return machine.global(new SrcuStruct(section), name);
}

/** Enter a reader; may sleep inside. @returns the index to hand back. Never waits. */
export function* srcu_read_lock(_k: never, ssp: SrcuStruct): Task<number> {
  yield* section_enter(ssp.section);
  return 0;
}

/** Leave a reader. Source: include/linux/srcu.h. */
export function* srcu_read_unlock(_k: never, ssp: SrcuStruct, _index: number): Task<void> {
  yield* section_exit(ssp.section);
}

/** Wait for the domain's readers. Sleeps; inside a reader of the domain it waits for itself. */
export function* synchronize_srcu(_k: never, ssp: SrcuStruct): Task<void> {
  yield* might_sleep('synchronize_srcu');
  yield* assert_not_in_section(ssp.section, 'synchronize_srcu');
  yield* section_await(ssp.section, yield* section_snapshot(ssp.section));
}

function* srcu_callback(
  k: never,
  ssp: SrcuStruct,
  token: SectionToken,
  head: Struct,
  callback: RcuCallback<Struct>,
): Task<void> {
  yield* section_await(ssp.section, token);
  yield* callback(k, head);
}

/** Run `callback(head)` after a grace period of the domain. Never waits. */
export function* call_srcu(
  k: never,
  ssp: SrcuStruct,
  head: Struct,
  callback: RcuCallback<Struct>,
): Task<void> {
  const token = yield* section_snapshot(ssp.section);
  const name = ssp.section.name;
  yield* spawn({ name, actor: true, head }, srcu_callback, k, ssp, token, head, callback);
}

/** Wait until every callback of the domain queued so far has run. Sleeps. */
export function* srcu_barrier(_k: never, ssp: SrcuStruct): Task<void> {
  yield* might_sleep('srcu_barrier');
  for (const actor of yield* section_actors(ssp.section)) {
    if (actor.name === ssp.section.name) yield* join(actor);
  }
}
