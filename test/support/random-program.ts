/**
 * Random small programs over everything the machine offers, from a seed: what the explorers are
 * compared on. A program is a list of instructions per task, so that a failing one can be read.
 */

import { Prng, type Program } from '../../src/explore/index.js';
import {
  atomic_fetch_add,
  await_until,
  call,
  cmpxchg,
  cmpxchg_loop,
  choose,
  cpu_relax,
  join,
  kmem_cache_alloc,
  kmem_cache_free,
  lock_bit,
  type Machine,
  might_sleep,
  read,
  READ_ONCE,
  refcount_dec,
  REFCOUNT_PIN,
  refcount_inc,
  section_await,
  section_enter,
  section_exit,
  section_snapshot,
  Slab,
  spawn,
  Struct,
  trylock_bit,
  unlock_bit,
  write,
  WRITE_ONCE,
  xchg,
  type Cell,
  type ReusePolicy,
  type Section,
  type Task,
  type TaskHandle,
} from '../../src/machine/index.js';
import { program } from './programs.js';

/** One instruction; `v` and `w` name variables, `l` locks, `p` the pointer cells. */
export type Instruction =
  | { readonly op: 'load' | 'plainLoad' | 'add' | 'awaitNonZero' | 'retry'; readonly v: number }
  | { readonly op: 'store' | 'plainStore' | 'xchg'; readonly v: number; readonly value: number }
  | { readonly op: 'update'; readonly v: number; readonly below: number }
  | { readonly op: 'cas'; readonly v: number; readonly expected: number; readonly value: number }
  | { readonly op: 'lock' | 'unlock' | 'tryIncrement' | 'spinTry'; readonly l: number }
  | { readonly op: 'rcuEnter' | 'rcuExit' | 'sleep' | 'choose' }
  | { readonly op: 'deref' | 'replace' | 'take' | 'updateValue'; readonly p: number }
  | { readonly op: 'retire' | 'putBack'; readonly p: number; readonly frees: boolean }
  | { readonly op: 'get' | 'put' | 'count' }
  | { readonly op: 'fork'; readonly v: number; readonly wait: boolean };

export interface Recipe {
  readonly pinned: boolean;
  readonly tasks: readonly (readonly Instruction[])[];
  readonly reuse: ReusePolicy;
  /** Every instruction is a function that is called. */
  readonly calls: boolean;
  /** The pointer cell holds something from the start (default: nothing). */
  readonly filled?: boolean;
}

class Shared extends Struct {
  readonly x = [0, 1].map((i) => this.cell<number>(`x${i}`, 0));
  readonly lock = [0, 1].map((i) => this.lockCell(`lock${i}`, `lock${i}`));
  readonly count = this.refcount('count', 3);
  readonly p = [0].map((i) => this.cell<Thing | null>(`p${i}`, null));
  readonly seen: Cell<number>[] = [0, 1, 2, 3].map((i) => this.cell<number>(`seen${i}`, 0));
}

class Thing extends Struct {
  readonly value = this.cell('value', 0);
  constructor() {
    super('thing');
  }
}

/** Operations that have something to say to each other. */
const THEMES: readonly (readonly Instruction['op'][])[] = [
  ['load', 'store', 'add', 'cas', 'xchg'],
  ['plainLoad', 'plainStore', 'load', 'lock'],
  ['lock', 'tryIncrement', 'add', 'load'],
  ['awaitNonZero', 'store', 'cas', 'retry'],
  ['rcuEnter', 'deref', 'replace', 'take'],
  ['rcuEnter', 'replace', 'replace', 'lock'],
  ['fork', 'load', 'add', 'choose'],
  ['retry', 'store', 'store', 'fork', 'sleep'],
  ['get', 'put', 'put', 'count'],
  ['get', 'put', 'load', 'store'],
  ['update', 'update', 'store', 'cas'],
  ['update', 'plainStore', 'add', 'load'],
  ['update', 'lock', 'rcuEnter', 'replace'],
  ['updateValue', 'replace', 'take', 'updateValue'],
  ['spinTry', 'spinTry', 'lock', 'tryIncrement'],
];

/** What callbacks that free memory can come into conflict with. */
export const FREEING: readonly Instruction['op'][] = [
  'rcuEnter',
  'deref',
  'replace',
  'replace',
  'take',
  'retire',
  'putBack',
  'load',
  'store',
];

/** A recipe from a seed: `size` instructions over two or three tasks. */
export function randomRecipe(
  seed: number,
  size: number,
  operations?: readonly Instruction['op'][],
): Recipe {
  const prng = new Prng(seed);
  const taskCount = 2 + prng.below(2);
  const tasks: Instruction[][] = Array.from({ length: taskCount }, () => []);
  const theme = THEMES[prng.below(THEMES.length)];
  const palette = operations ?? theme;
  for (let i = 0; i < size; i += 1) {
    tasks[prng.below(taskCount)].push(...instruction(prng, palette[prng.below(palette.length)]));
  }
  const reuse = (['never', 'lifo', 'explore'] as const)[prng.below(3)];
  return { tasks, reuse, pinned: prng.below(2) === 0, calls: prng.below(2) === 0 };
}

function instruction(prng: Prng, op: Instruction['op']): Instruction[] {
  const v = prng.below(2);
  switch (op) {
    case 'load':
    case 'plainLoad':
    case 'add':
    case 'awaitNonZero':
    case 'retry':
      return [{ op, v }];
    case 'store':
    case 'plainStore':
    case 'xchg':
      return [{ op, v, value: prng.below(3) }];
    case 'update':
      return [{ op, v, below: 1 + prng.below(3) }];
    case 'cas':
      return [{ op, v, expected: prng.below(2), value: 1 + prng.below(2) }];
    case 'lock': {
      const l = prng.below(2);
      return [
        { op, l },
        { op: 'add', v },
        { op: 'unlock', l },
      ];
    }
    case 'spinTry':
      return [{ op, l: prng.below(2) }];
    case 'unlock':
    case 'tryIncrement':
      return [{ op: 'tryIncrement', l: prng.below(2) }];
    case 'rcuEnter':
    case 'rcuExit':
      return [{ op: 'rcuEnter' }, { op: 'deref', p: 0 }, { op: 'rcuExit' }];
    case 'sleep':
    case 'choose':
    case 'get':
    case 'put':
    case 'count':
      return [{ op }];
    case 'deref':
    case 'replace':
    case 'take':
    case 'updateValue':
      return [{ op, p: 0 }];
    case 'retire':
    case 'putBack':
      return [{ op, p: 0, frees: prng.below(3) > 0 }];
    case 'fork':
      return [{ op, v, wait: prng.below(2) === 0 }];
  }
}

function* freeLater(section: Section, token: never, thing: Thing): Task<void> {
  yield* section_await(section, token);
  yield* kmem_cache_free(thing);
}

function* waits(section: Section, token: never, _head: Thing): Task<void> {
  yield* section_await(section, token);
}

function* forked(cell: Cell<number>): Task<void> {
  yield* atomic_fetch_add(cell, 10);
}

interface World {
  readonly shared: Shared;
  readonly slab: Slab<Thing, []>;
  readonly rcu: Section;
}

/** Task code: runs its instructions, mixing what it saw into its `seen` cell at the end. */
function* run(world: World, me: number, code: readonly Instruction[], calls: boolean): Task<void> {
  let seen = 0;
  for (const step of code) {
    const value = calls ? yield* call(execute, world, me, step) : yield* execute(world, me, step);
    if (value !== null) seen = (seen * 7 + value + 1) % 100_003;
  }
  yield* WRITE_ONCE(world.shared.seen[me], seen);
}

/** One instruction. @returns what it saw, if anything */
function* execute(world: World, me: number, step: Instruction): Task<number | null> {
  const { shared, slab, rcu } = world;
  let last: number | null = null;
  const saw = (value: number): void => {
    last = value;
  };
  switch (step.op) {
    case 'load':
      saw(yield* READ_ONCE(shared.x[step.v]));
      break;
    case 'plainLoad':
      saw(yield* read(shared.x[step.v]));
      break;
    case 'add':
      saw(yield* atomic_fetch_add(shared.x[step.v], 1));
      break;
    case 'awaitNonZero':
      saw(yield* await_until(shared.x[step.v], (value) => value !== 0));
      break;
    case 'retry':
      while ((yield* READ_ONCE(shared.x[step.v])) === 1) yield* cpu_relax();
      break;
    case 'store':
      yield* WRITE_ONCE(shared.x[step.v], step.value);
      break;
    case 'plainStore':
      yield* write(shared.x[step.v], step.value);
      break;
    case 'xchg':
      saw(yield* xchg(shared.x[step.v], step.value));
      break;
    case 'update':
      saw(yield* cmpxchg_loop(shared.x[step.v], (x) => (x < step.below ? x + 1 : undefined)));
      break;
    case 'updateValue': {
      const thing = yield* READ_ONCE(shared.p[step.p]);
      if (thing === null) break;
      saw(yield* cmpxchg_loop(thing.value, (x) => (x < 2 ? x + 1 : undefined)));
      break;
    }
    case 'cas':
      saw(yield* cmpxchg(shared.x[step.v], step.expected, step.value));
      break;
    case 'lock':
      yield* lock_bit(shared.lock[step.l]);
      break;
    case 'unlock':
      yield* unlock_bit(shared.lock[step.l]);
      break;
    case 'tryIncrement':
      if (yield* trylock_bit(shared.lock[step.l])) {
        saw(yield* atomic_fetch_add(shared.x[step.l], 1));
        yield* unlock_bit(shared.lock[step.l]);
      } else {
        saw(9);
      }
      break;
    case 'spinTry':
      while (!(yield* trylock_bit(shared.lock[step.l]))) yield* cpu_relax();
      saw(yield* atomic_fetch_add(shared.x[step.l], 1));
      yield* unlock_bit(shared.lock[step.l]);
      break;
    case 'rcuEnter':
      yield* section_enter(rcu);
      break;
    case 'rcuExit':
      yield* section_exit(rcu);
      break;
    case 'sleep':
      yield* might_sleep('sleep');
      break;
    case 'choose':
      saw(yield* choose(2));
      break;
    case 'get':
      saw((yield* refcount_inc(shared.count)) ? 1 : 0);
      break;
    case 'put':
      saw(yield* refcount_dec(shared.count));
      break;
    case 'count':
      saw(yield* READ_ONCE(shared.count));
      break;
    case 'deref': {
      const thing = yield* READ_ONCE(shared.p[step.p]);
      if (thing !== null) saw(yield* READ_ONCE(thing.value));
      break;
    }
    case 'replace': {
      const thing = yield* kmem_cache_alloc(slab);
      if (thing === null) break;
      yield* WRITE_ONCE(thing.value, me + 1);
      const old = yield* xchg(shared.p[step.p], thing);
      if (old === null) break;
      const token = yield* section_snapshot(rcu);
      yield* spawn(
        { name: 'rcu', actor: true },
        freeLater as never,
        ...([rcu, token, old] as never),
      );
      break;
    }
    case 'retire': {
      // Queued, but still where it was: others find it, and may queue it too.
      const thing = yield* READ_ONCE(shared.p[step.p]);
      if (thing === null) break;
      const token = yield* section_snapshot(rcu);
      yield* spawn(
        { name: 'rcu', actor: true, head: thing },
        (step.frees ? freeLater : waits) as never,
        ...([rcu, token, thing] as never),
      );
      break;
    }
    case 'putBack': {
      const thing = yield* xchg(shared.p[step.p], null);
      if (thing !== null) yield* WRITE_ONCE(shared.p[step.p], thing);
      break;
    }
    case 'take': {
      const old = yield* xchg(shared.p[step.p], null);
      if (old !== null) yield* kmem_cache_free(old);
      break;
    }
    case 'fork': {
      const child: TaskHandle = yield* spawn({ name: 'child' }, forked, shared.x[step.v]);
      if (step.wait) yield* join(child);
      break;
    }
  }
  return last;
}

/** The program of a recipe. */
export function fromRecipe(recipe: Recipe): Program {
  return program(JSON.stringify(recipe), (machine) => {
    const rcu = machine.section({ name: 'rcu', impliedBySpinlock: true, atomic: true });
    const shared = machine.global(new Shared('shared'), 'shared');
    if (recipe.pinned) shared.count.value += REFCOUNT_PIN;
    const slab = machine.global(new Slab<Thing, []>('thing', () => new Thing(), recipe.reuse));
    if (recipe.filled === true) {
      machine.boot(function* () {
        yield* WRITE_ONCE(shared.p[0], yield* kmem_cache_alloc(slab));
      });
    }
    for (const [i, code] of recipe.tasks.entries()) {
      machine.addTask({ name: `t${i}` }, () => run({ shared, slab, rcu }, i, code, recipe.calls));
    }
  });
}

/** What a run ended with: variables, what each task saw, who has not ended. */
export function finalState(machine: Machine): string {
  const shared = machine.globals.find((global) => global instanceof Shared)!;
  const values = shared.cells.map((cell) =>
    cell.value instanceof Struct
      ? cell.value.cells.map((c) => String(c.value))
      : String(cell.value),
  );
  const waiting = machine.tasks.filter((task) => !task.ended.value).map((task) => task.name);
  return JSON.stringify([values, waiting]);
}
