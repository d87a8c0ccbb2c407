/** The parts of Tree RCU: numbers that wrap, lists that keep their order, CPUs that come and go. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { explore, type Program } from '../../src/explore/index.js';
import {
  Machine,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  Struct,
  WRITE_ONCE,
  type Task,
} from '../../src/machine/index.js';
import {
  rcu_segcblist_accelerate,
  rcu_segcblist_advance,
  rcu_segcblist_any,
  rcu_segcblist_enqueue,
  rcu_segcblist_entrain,
  rcu_segcblist_merge,
  type RcuHead,
  type RcuSegcblist,
} from '../../src/rcu/tree/segcblist.js';
import {
  rcu_seq_done,
  rcu_seq_endval,
  rcu_seq_in_progress,
  rcu_seq_snap_of,
  rcu_seq_start,
  rcu_seq_started,
} from '../../src/rcu/tree/seq.js';
import { create_kernel, type VfsKernel } from '../../src/vfs/index.js';
import { program } from '../support/programs.js';

/** Any number between grace periods, those where it wraps around among them. */
const idle = fc
  .oneof(fc.integer(), fc.constantFrom(0, -4, 0x7ffffffc, -0x80000000))
  .map((n) => n & ~3);

describe('sequence numbers', () => {
  test('a snapshot is done after one full grace period, not before', () => {
    fc.assert(
      fc.property(idle, fc.boolean(), (seq, inProgress) => {
        const now = inProgress ? rcu_seq_start(seq) : seq;
        const snap = rcu_seq_snap_of(now);
        expect(rcu_seq_done(now, snap)).toBe(false);
        expect(rcu_seq_started(now, snap)).toBe(false);
        let at = now;
        // The one that runs does not count.
        if (inProgress) at = rcu_seq_endval(at);
        expect(rcu_seq_done(at, snap)).toBe(false);
        at = rcu_seq_start(at);
        expect(rcu_seq_in_progress(at)).toBe(true);
        expect(rcu_seq_started(at, snap)).toBe(true);
        expect(rcu_seq_done(at, snap)).toBe(false);
        at = rcu_seq_endval(at);
        expect(rcu_seq_in_progress(at)).toBe(false);
        expect(rcu_seq_done(at, snap)).toBe(true);
        expect(at).toBe(snap | 0);
      }),
    );
  });
});

const EMPTY: RcuSegcblist = {
  done: [],
  wait: [],
  next_ready: [],
  next: [],
  wait_seq: 0,
  next_ready_seq: 0,
};

/** A callback as a number stands for itself: the list never looks inside. */
const cb = (n: number): RcuHead => n as unknown as RcuHead;

function all({ done, wait, next_ready, next }: RcuSegcblist): readonly RcuHead[] {
  return [...done, ...wait, ...next_ready, ...next];
}

describe('the segmented callback list', () => {
  const steps = fc.array(fc.constantFrom('enqueue', 'entrain', 'start', 'end', 'core', 'invoke'), {
    maxLength: 60,
  });

  test('keeps its order, and no callback is ready before a grace period of its own', () => {
    fc.assert(
      fc.property(idle, steps, (begin, run) => {
        let list = EMPTY;
        let seq = begin;
        let next = 0;
        const needed = new Map<number, number>();
        const invoked: number[] = [];
        for (const step of run) {
          switch (step) {
            case 'enqueue':
              needed.set(next, rcu_seq_snap_of(seq));
              list = rcu_segcblist_enqueue(list, cb(next));
              next += 1;
              break;
            case 'entrain':
              if (!rcu_segcblist_any(list)) break;
              list = rcu_segcblist_entrain(list, cb(next));
              next += 1;
              break;
            case 'start':
              if (!rcu_seq_in_progress(seq)) seq = rcu_seq_start(seq);
              break;
            case 'end':
              seq = rcu_seq_endval(seq);
              break;
            case 'core':
              list = rcu_segcblist_accelerate(
                rcu_segcblist_advance(list, seq),
                rcu_seq_snap_of(seq),
              );
              break;
            case 'invoke': {
              const [first, ...done] = list.done as unknown as number[];
              if (first === undefined) break;
              const snap = needed.get(first);
              if (snap !== undefined) expect(rcu_seq_done(seq, snap)).toBe(true);
              invoked.push(first);
              list = { ...list, done: done.map(cb) };
              break;
            }
          }
          // Waiting segments fill from the front, and their numbers ascend.
          if (list.wait.length === 0) expect(list.next_ready).toEqual([]);
          else if (list.next_ready.length > 0) {
            expect(rcu_seq_done(list.wait_seq, list.next_ready_seq)).toBe(false);
          }
        }
        const order = [...invoked, ...(all(list) as unknown as number[])];
        expect(order).toEqual(Array.from({ length: next }, (_, i) => i));
        // Three grace periods and a look after each are enough for everything.
        for (let i = 0; i < 3; i += 1) {
          seq = rcu_seq_endval(rcu_seq_start(rcu_seq_endval(seq)));
          list = rcu_segcblist_accelerate(rcu_segcblist_advance(list, seq), rcu_seq_snap_of(seq));
        }
        expect(list.done).toHaveLength(order.length - invoked.length);
      }),
    );
  });

  test('takes the callbacks of another list over: those that are done first, the rest start over', () => {
    const dead = { ...EMPTY, done: [cb(1)], wait: [cb(2)], next: [cb(3)], wait_seq: 4 };
    const here = { ...EMPTY, done: [cb(4)], wait: [cb(5)], wait_seq: 4 };
    expect(rcu_segcblist_merge(here, dead)).toEqual({
      ...here,
      done: [cb(1), cb(4)],
      next: [cb(2), cb(3)],
    });
  });
});

class Shared extends Struct {
  readonly done = this.cell('done', 0);
  readonly gone = this.cell('gone', false);
}

function withTree(...tasks: ((k: VfsKernel, shared: Shared) => Task<void>)[]): Program {
  return program('tree', (machine) => {
    const k = create_kernel(machine, { rcu: 'tree' });
    const shared = machine.global(new Shared('shared'), 'shared');
    for (const [i, body] of tasks.entries()) {
      machine.addTask({ name: `t${i}` }, () => body(k, shared));
    }
  });
}

function titles(made: Program): string[] {
  return explore(made, { keepGoing: true, minimise: false })
    .bugs.map(({ title }) => title)
    .sort();
}

function* count(_k: VfsKernel, shared: Shared): Task<void> {
  yield* WRITE_ONCE(shared.done, (yield* READ_ONCE(shared.done)) + 1);
}

describe('CPUs that go', () => {
  const dying = function* (k: VfsKernel, shared: Shared): Task<void> {
    yield* k.call_rcu(shared, count);
    yield* k.rcutree_report_cpu_dead();
    yield* WRITE_ONCE(shared.gone, true);
  };
  const seen = (survivor: (k: VfsKernel, shared: Shared) => Task<void>): Set<number> => {
    const found = new Set<number>();
    explore(withTree(dying, survivor), {
      keepGoing: true,
      onEnd: ({ globals }) => {
        found.add((globals.find((global) => global instanceof Shared) as Shared).done.value);
      },
    });
    return found;
  };

  test('leave their callbacks behind, until somebody takes them over', () => {
    expect([...seen(function* () {})].sort()).toEqual([0, 1]);
    expect([
      ...seen(function* (k, shared) {
        if (yield* READ_ONCE(shared.gone)) yield* k.rcutree_migrate_callbacks(0);
        else yield* WRITE_ONCE(shared.done, 10);
      }),
    ]).not.toContain(0);
  });

  test('may not queue callbacks', () => {
    const late = withTree(function* (k, shared) {
      yield* k.rcutree_report_cpu_dead();
      yield* k.call_rcu(shared, count);
    });
    expect(titles(late)).toEqual(['WARNING: call_rcu() on an offline CPU in call_rcu']);
  });
});

class Guarded extends Struct {
  readonly lock = this.lockCell('lock', 'guarded');
  readonly p = this.cell('p', 0);
}

describe('PROVE_RCU', () => {
  test('a reader on an idle CPU', () => {
    const reader = withTree(function* (k) {
      yield* k.ct_idle_enter();
      yield* k.rcu_read_lock();
      yield* k.rcu_read_unlock();
      yield* k.ct_idle_exit();
    });
    expect([...titles(reader)].sort()).toEqual([
      'WARNING: suspicious RCU usage in rcu_read_lock',
      'WARNING: suspicious RCU usage in rcu_read_unlock',
    ]);
  });

  test('a callback that returns inside a reader', () => {
    const leaves_open = withTree(function* (k, shared) {
      yield* k.call_rcu(shared, function* () {
        yield* k.rcu_read_lock();
      });
    });
    expect(titles(leaves_open)).toContain('WARNING: suspicious RCU usage in rcu_do_batch');
  });

  test.each(['abstract', 'tree'] as const)(
    'a pointer is loaded inside a reader or with its lock (%s)',
    (rcu) => {
      const load = (how: 'reader' | 'lock' | 'neither'): readonly string[] =>
        titles(
          program('load', (machine) => {
            const k = create_kernel(machine, { rcu });
            const { lock, p } = machine.global(new Guarded('guarded'));
            machine.addTask({ name: 't' }, function* () {
              if (how === 'reader') yield* k.rcu_read_lock();
              if (how === 'lock') yield* spin_lock(lock);
              yield* k.rcu_dereference_check(p, lock);
              if (how === 'lock') yield* spin_unlock(lock);
              if (how === 'reader') {
                yield* k.lockdep_assert_in_rcu_read_lock();
                yield* k.rcu_read_unlock();
              }
            });
          }),
        );
      expect(load('reader')).toEqual([]);
      expect(load('lock')).toEqual([]);
      expect(load('neither')).toEqual(['WARNING: suspicious RCU usage in rcu_dereference_check']);
    },
  );

  test('a reader is asserted where there is none', () => {
    const outside = withTree((k) => k.lockdep_assert_in_rcu_read_lock());
    expect(titles(outside)).toEqual(['WARNING: suspicious RCU usage in the task itself']);
  });

  test('a long loop reports a quiescent state, but not inside a reader', () => {
    const loop = (inside: boolean): readonly string[] =>
      titles(
        withTree(
          (k) => k.synchronize_rcu(),
          function* (k) {
            if (inside) yield* k.rcu_read_lock();
            yield* k.cond_resched_tasks_rcu_qs();
            if (inside) yield* k.rcu_read_unlock();
          },
        ),
      );
    expect(loop(false)).toEqual([]);
    expect(loop(true)).toEqual(['WARNING in rcu_note_context_switch']);
  });

  test.each(['abstract', 'tree'] as const)('a context switch inside a reader (%s)', (rcu) => {
    const switching = program('switching', (machine) => {
      const k = create_kernel(machine, { rcu });
      machine.addTask({ name: 't' }, function* () {
        yield* k.rcu_read_lock();
        yield* k.rcu_note_context_switch();
        yield* k.rcu_read_unlock();
      });
    });
    expect(titles(switching)).toEqual(['WARNING in rcu_note_context_switch']);
  });
});

test('more CPUs than there can be are refused, with the way out', () => {
  const nothing = function* (k: VfsKernel, shared: Shared): Task<void> {
    yield* k.call_rcu(shared, count);
  };
  expect(() => explore(withTree(...Array.from({ length: 9 }, () => nothing)))).toThrow(
    /8 CPUs, and there are 9 tasks: use the level abstract/,
  );
});

test('a kernel without Tree RCU has nothing of it on its machine', () => {
  const machine = new Machine();
  create_kernel(machine);
  const kinds = machine.globals.map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind.startsWith('rcu_'))).toEqual([]);
});

test.each(['abstract', 'tree'] as const)(
  'a stall names who holds the grace period up (%s)',
  (rcu) => {
    const stalled = program('stall', (machine) => {
      const k = create_kernel(machine, { rcu });
      const shared = machine.global(new Shared('shared'), 'shared');
      machine.addTask({ name: 'updater' }, function* () {
        yield* k.call_rcu(shared, count);
      });
      machine.addTask({ name: 'reader' }, function* () {
        yield* k.rcu_read_lock();
        yield* READ_ONCE(shared.done);
      });
    });
    const { bugs } = explore(stalled, { keepGoing: true, minimise: false });
    const stall = bugs.find(({ title }) => title.startsWith('INFO: rcu detected stall'));
    expect(stall?.detail).toContain('rcu_preempt detected stalls on CPUs/tasks; ');
    expect(stall?.detail).toContain('1-...: reader has ended inside a reader');
  },
);
