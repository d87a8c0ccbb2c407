/**
 * Both levels of detail let the same readers and updaters see the same: every outcome of every
 * program, over all interleavings. And a Tree RCU with a mistake in it does not.
 */

import { describe, expect, test } from 'vitest';
import {
  atomic_step,
  section_exit,
  smp_mb,
  smp_processor_id,
  READ_ONCE,
  type Cell,
  type KernelFunction,
  type Task,
} from '../../src/machine/index.js';
import { rcu_segcblist_accelerate, rcu_segcblist_advance } from '../../src/rcu/tree/segcblist.js';
import { rcu_seq_endval, rcu_seq_snap_of } from '../../src/rcu/tree/seq.js';
import { store_cblist, type RcuTreeKernel } from '../../src/rcu/tree/state.js';
import { rcu_tree_only as tree } from '../../src/rcu/tree/functions.js';
import { outcomes, randomRecipe, rcuProgram, recipe } from '../support/rcu-programs.js';

function compare(code: ReturnType<typeof recipe>): void {
  const { finals, titles } = outcomes(rcuProgram(code, { rcu: 'tree' }));
  const expected = outcomes(rcuProgram(code, { rcu: 'fifo' }));
  expect({ finals, titles }).toEqual({ finals: expected.finals, titles: expected.titles });
}

describe('tree and abstract allow the same outcomes', () => {
  test.each([
    ['a reader and synchronize_rcu', 'set x, sync, set y | (, get y, get x, )'],
    ['the reader looks the other way', 'set x, sync, set y | (, get x, get y, )'],
    ['two readers', 'set x, sync, set y | (, get y, get x, ) | (, get x, get y, )'],
    ['nested readers', 'set x, sync, set y | (, get x, (, get x, ), get y, )'],
    ['two readers, one after the other', 'set x, sync, set y | (, get x, ), (, get y, )'],
    ['no reader at all', 'set x, sync, set y | get x, get y'],
    ['two updaters', 'set x, sync, log | sync, get x | (, get x, )'],
    ['callbacks of one CPU, which come in order', 'call, call | (, log, log, )'],
    ['callbacks of two CPUs, which do not', 'call | call | (, log, )'],
    ['a callback queued inside a reader', '(, call, log, ) | get x'],
    ['rcu_barrier', 'call, barrier, log | (, log, )'],
    ['rcu_barrier of another CPU', 'call, set x | get x, barrier, log'],
    ['rcu_barrier without callbacks', 'set x, barrier, set y | (, get y, get x, )'],
    ['synchronize_rcu says nothing of callbacks', 'call, sync, log | (, log, )'],
    ['kfree_rcu', 'take, set x | (, use, get x, )'],
    ['kfree_rcu without a reader', 'take, set x | use'],
    ['kvfree_rcu_barrier', 'take, kvfree, set x | (, use, get x, )'],
    ['expedited', 'set x, expedited, set y | (, get y, get x, )'],
    ['expedited twice', 'set x, expedited, set y | expedited | (, get x, get y, )'],
    ['expedited and normal', 'set x, expedited, set y | (, get x, get y, ), sync, get y'],
    ['a cookie, started', 'set x, start, poll, set y, poll | (, get x, get y, )'],
    ['a cookie, not started', 'set x, cookie, poll, set y | (, get x, get y, )'],
    ['a cookie, waited for', 'set x, cookie, cond, set y | (, get x, get y, )'],
    ['context switches', 'set x, sync, set y | (, get x, get y, ), switch, (, get x, )'],
    ['an idle CPU', 'set x, sync, set y | idle, busy, (, get x, get y, )'],
    ['a CPU that goes', 'set x, sync, set y | (, get x, get y, ), offline'],
    ['a CPU that comes back', 'set x, sync, set y | offline, online, (, get x, get y, )'],
    ['a reader that waits for itself', '(, sync, )| get x'],
  ])('%s: %s', (_what, text) => {
    compare(recipe(text));
  });

  test.each(Array.from({ length: 20 }, (_, i) => i + 1))('random program %i', (seed) => {
    compare(randomRecipe(seed));
  });
});

describe('SRCU: tree and abstract allow the same outcomes', () => {
  test.each([
    ['a reader and synchronize_srcu', 'set x, ssync, set y | [, get y, get x, ]'],
    ['the reader looks the other way', 'set x, ssync, set y | [, get x, get y, ]'],
    ['a reader of RCU is none of SRCU', 'set x, ssync, set y | (, get x, get y, )'],
    ['a reader of SRCU is none of RCU', 'set x, sync, set y | [, get x, get y, ]'],
    ['readers one after the other', 'set x, ssync, set y | [, get x, ], [, get y, ]'],
    ['two readers', 'set x, ssync, set y | [, get x, get y, ] | [, get y, ]'],
    ['two updaters', 'set x, ssync, log | ssync, get x | [, get x, ]'],
    ['twice', 'set x, ssync, ssync, set y | [, get x, get y, ]'],
    ['a callback', 'scall, log | [, log, log, ]'],
    ['srcu_barrier', 'scall, sbarrier, log | [, log, ]'],
  ])('%s: %s', (_what, text) => {
    const [tree_level, abstract] = (['tree', 'abstract'] as const).map(
      (rcu) => outcomes(rcuProgram(recipe(text), { rcu })).finals,
    );
    expect(tree_level).toEqual(abstract);
  });

  test('a grace period that does not wait has more outcomes', () => {
    function* try_check_zero(): Task<void> {
      yield* smp_mb();
    }
    const code = recipe('set x, ssync, set y | [, get x, get y, ]');
    const right = outcomes(rcuProgram(code, { rcu: 'tree' })).finals;
    const wrong = outcomes(rcuProgram(code, { rcu: 'tree', functions: { try_check_zero } })).finals;
    expect(wrong.filter((final) => !right.includes(final))).toEqual(['saw 0 1002 0 0 log 0']);
  });
});

test('callbacks of a task that may move have any order: more outcomes, and none fewer', () => {
  const code = recipe('call, call | (, log, log, )');
  const any = outcomes(rcuProgram(code, { rcu: 'abstract' })).finals;
  const ordered = outcomes(rcuProgram(code, { rcu: 'fifo' })).finals;
  expect(ordered.filter((final) => !any.includes(final))).toEqual([]);
  expect(any.some((final) => final.endsWith('log 21'))).toBe(true);
  expect(ordered.every((final) => final.endsWith('log 12'))).toBe(true);
});

test.each(['fifo', 'tree'] as const)('every engine finds the same outcomes of %s', (rcu) => {
  for (const text of ['set x, sync | (, get x, )', 'call | (, log, )', 'take | (, use, )']) {
    const found = (['states', 'dpor'] as const).map((engine) => {
      const { finals, titles } = outcomes(rcuProgram(recipe(text), { rcu }), engine);
      return { finals, titles };
    });
    expect(found[1]).toEqual(found[0]);
  }
});

describe('a broken Tree RCU is caught', () => {
  /** Outcomes that the mistake adds. */
  const added = (text: string, functions: Readonly<Record<string, KernelFunction>>): string[] => {
    const code = recipe(text);
    const right = outcomes(rcuProgram(code, { rcu: 'tree' })).finals;
    const wrong = outcomes(rcuProgram(code, { rcu: 'tree', functions })).finals;
    return wrong.filter((final) => !right.includes(final));
  };

  test('a quiescent state reported inside a reader', () => {
    function* rcu_note_context_switch(k: RcuTreeKernel): Task<void> {
      yield* k.rcu_state.nodes.reportStep('rcu_qs', 'qsmask', [yield* smp_processor_id()]);
    }
    const text = 'set x, sync, set y | (, get x, switch, get y, )';
    // The reader saw x from before the grace period and y from after it.
    expect(added(text, { rcu_note_context_switch })).toEqual(['saw 0 1002 0 0 log 0']);
  });

  test('a grace period that does not wait for who is inside', () => {
    function* rcu_gp_fqs_loop(k: RcuTreeKernel): Task<void> {
      yield* k.rcu_state.nodes.reportStep('rcu_report_qs_rnp', 'qsmask', [0, 1]);
    }
    const text = 'set x, sync, set y | (, get x, get y, )';
    expect(added(text, { rcu_gp_fqs_loop })).toEqual(['saw 0 1002 0 0 log 0']);
  });

  test('a snapshot of the sequence number that is one grace period too early', () => {
    function* rcu_seq_snap(_k: RcuTreeKernel, seq: Cell<number>): Task<number> {
      const now = yield* READ_ONCE(seq);
      yield* smp_mb();
      // In progress: the end of this grace period, which has begun before the caller came.
      return (now & 3) === 0 ? rcu_seq_snap_of(now) : rcu_seq_endval(now);
    }
    const text = 'set x, sync, set y | (, get x, get y, ) | sync';
    expect(added(text, { rcu_seq_snap })).toEqual(['saw 0 1002 0 0 log 0']);
  });

  test('callbacks advanced before their grace period has ended', () => {
    function* rcu_advance_cbs(k: RcuTreeKernel, cpu: number): Task<number> {
      const { gp_seq, data } = k.rcu_state;
      const rdp = data[cpu];
      yield* atomic_step({
        label: 'rcu_advance_cbs',
        reads: [gp_seq],
        writes: rdp.cblist_cells,
        run: (set) => {
          const seq = rcu_seq_snap_of(gp_seq.value);
          const assigned = rcu_segcblist_accelerate(rdp.cblist, seq);
          store_cblist(k, set, rdp, rcu_segcblist_advance(assigned, seq));
        },
      });
      return -3;
    }
    expect(added('set x, call | (, get x, log, )', { rcu_advance_cbs })).toEqual([
      'saw 0 1002 0 0 log 1',
    ]);
  });

  test('a CPU that comes online and is forgotten', () => {
    function* rcutree_report_cpu_starting(k: RcuTreeKernel): Task<void> {
      yield* section_exit(k.rcu_state.eqs);
    }
    const text = 'set x, sync, set y | offline, online, (, get x, get y, )';
    expect(added(text, { rcutree_report_cpu_starting })).toEqual(['saw 0 1002 0 0 log 0']);
  });

  test('none of these is found in the right one', () => {
    expect(added('set x, sync, set y | (, get x, switch, get y, )', { ...tree })).toEqual([]);
  });
});
