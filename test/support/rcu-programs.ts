/**
 * Small programs of readers and updaters, as data, and every outcome that they can have: what the
 * levels of detail of RCU are compared on.
 */

import { explore, Prng, type Engine, type Program } from '../../src/explore/index.js';
import {
  atomic_step,
  kmem_cache_alloc,
  READ_ONCE,
  Slab,
  Struct,
  WRITE_ONCE,
  xchg,
  type Cell,
  type KernelFunction,
  type Machine,
  type Task,
} from '../../src/machine/index.js';
import { DEFINE_SRCU, RcuGpOldstate, type RcuLevel, type SrcuStruct } from '../../src/rcu/index.js';
import { create_kernel, type VfsKernel } from '../../src/vfs/index.js';
import { program } from './programs.js';

/**
 * One instruction: `set x`, `get x` on variables; `(` and `)` around a reader, `[` and `]` around one of SRCU; `call` queues the
 * next callback, which writes itself into the log; `log` looks at the log; `use` and `take` work on
 * the one object, `take` giving it to kfree_rcu; the rest is RCU's interface.
 */
export type Instruction =
  | `set ${'x' | 'y'}`
  | `get ${'x' | 'y'}`
  | '('
  | ')'
  | '['
  | ']'
  | 'ssync'
  | 'scall'
  | 'sbarrier'
  | 'call'
  | 'log'
  | 'use'
  | 'take'
  | 'sync'
  | 'expedited'
  | 'barrier'
  | 'kvfree'
  | 'cookie'
  | 'start'
  | 'poll'
  | 'cond'
  | 'switch'
  | 'idle'
  | 'busy'
  | 'offline'
  | 'online';

/** A program: what each CPU does. */
export type Recipe = readonly (readonly Instruction[])[];

/** Programs as text: instructions between commas, CPUs between bars. */
export function recipe(text: string): Recipe {
  return text
    .split('|')
    .map((cpu) => cpu.split(',').map((instruction) => instruction.trim() as Instruction));
}

class Thing extends Struct {
  readonly value = this.cell('value', 0);
  constructor() {
    super('thing');
  }
}

class Shared extends Struct {
  readonly x = this.cell('x', 0);
  readonly y = this.cell('y', 0);
  readonly log = this.cell('log', 0);
  readonly p = this.cell<Thing | null>('p', null);
  readonly seen: readonly Cell<number>[] = [0, 1, 2, 3].map((i) => this.cell<number>(`s${i}`, 0));
}

/** What a callback belongs to. */
class Head extends Struct {
  readonly n: number;
  constructor(n: number) {
    super('head');
    this.n = n;
  }
}

interface World {
  readonly k: VfsKernel;
  readonly shared: Shared;
  readonly heads: readonly Head[][];
  readonly cookie: RcuGpOldstate;
  readonly srcu: SrcuStruct;
}

function append(log: Cell<number>, n: number): ReturnType<typeof atomic_step<void>> {
  return atomic_step({
    label: 'append',
    reads: [],
    writes: [log],
    run: (set) => {
      set(log, log.value * 10 + n);
    },
  });
}

function* run(
  { k, shared, heads, cookie, srcu }: World,
  cpu: number,
  code: Recipe[number],
): Task<void> {
  let seen = 0;
  let calls = 0;
  let index = 0;
  const saw = (value: number): void => {
    seen = seen * 1000 + value + 1;
  };
  function* callback(_k: never, head: Struct): Task<void> {
    yield* append(shared.log, (head as Head).n);
  }
  for (const instruction of code) {
    switch (instruction) {
      case 'set x':
      case 'set y':
        yield* WRITE_ONCE(instruction === 'set x' ? shared.x : shared.y, 1);
        break;
      case 'get x':
      case 'get y':
        saw(yield* READ_ONCE(instruction === 'get x' ? shared.x : shared.y));
        break;
      case '(':
        yield* k.rcu_read_lock();
        break;
      case ')':
        yield* k.rcu_read_unlock();
        break;
      case '[':
        index = yield* k.srcu_read_lock(srcu);
        break;
      case ']':
        yield* k.srcu_read_unlock(srcu, index);
        break;
      case 'ssync':
        yield* k.synchronize_srcu(srcu);
        break;
      case 'scall':
        yield* k.call_srcu(srcu, heads[cpu][calls], callback);
        calls += 1;
        break;
      case 'sbarrier':
        yield* k.srcu_barrier(srcu);
        break;
      case 'call':
        yield* k.call_rcu(heads[cpu][calls], callback);
        calls += 1;
        break;
      case 'log':
        saw(yield* READ_ONCE(shared.log));
        break;
      case 'use': {
        const thing = yield* READ_ONCE(shared.p);
        if (thing !== null) saw(yield* READ_ONCE(thing.value));
        break;
      }
      case 'take': {
        const thing = yield* xchg(shared.p, null);
        if (thing !== null) yield* k.kfree_rcu(thing);
        break;
      }
      case 'sync':
        yield* k.synchronize_rcu();
        break;
      case 'expedited':
        yield* k.synchronize_rcu_expedited();
        break;
      case 'barrier':
        yield* k.rcu_barrier();
        break;
      case 'kvfree':
        yield* k.kvfree_rcu_barrier();
        break;
      case 'cookie':
        yield* k.get_state_synchronize_rcu_full(cookie);
        break;
      case 'start':
        yield* k.start_poll_synchronize_rcu_full(cookie);
        break;
      case 'poll':
        saw((yield* k.poll_state_synchronize_rcu_full(cookie)) ? 1 : 0);
        break;
      case 'cond':
        yield* k.cond_synchronize_rcu_full(cookie);
        break;
      case 'switch':
        yield* k.rcu_note_context_switch();
        break;
      case 'idle':
        yield* k.ct_idle_enter();
        break;
      case 'busy':
        yield* k.ct_idle_exit();
        break;
      case 'offline':
        yield* k.rcutree_report_cpu_dead();
        break;
      case 'online':
        yield* k.rcutree_report_cpu_starting();
        break;
    }
  }
  yield* WRITE_ONCE(shared.seen[cpu], seen);
}

export interface RcuOptions {
  readonly rcu: RcuLevel;
  readonly functions?: Readonly<Record<string, KernelFunction>>;
}

/** The program of a recipe. */
export function rcuProgram(code: Recipe, options: RcuOptions): Program {
  return program(JSON.stringify(code), (machine) => {
    const k = create_kernel(machine, options);
    const shared = machine.global(new Shared('shared'), 'shared');
    const srcu = DEFINE_SRCU(machine, 'srcu');
    const cookie = machine.global(new RcuGpOldstate());
    const heads = code.map((cpu, i) =>
      cpu
        .filter((instruction) => instruction === 'call' || instruction === 'scall')
        .map((_, n) => machine.global(new Head(i * 3 + n + 1))),
    );
    const slab = machine.global(new Slab<Thing, []>('thing', () => new Thing()));
    machine.boot(function* () {
      yield* WRITE_ONCE(shared.p, yield* kmem_cache_alloc(slab));
    });
    for (const [i, cpu] of code.entries()) {
      machine.addTask({ name: `t${i}` }, () => run({ k, shared, heads, cookie, srcu }, i, cpu));
    }
  });
}

export interface Outcomes {
  /** Final states: what each CPU saw, the log, and who still waits. */
  readonly finals: readonly string[];
  /** Titles of reports. */
  readonly titles: readonly string[];
  readonly states: number;
}

/** Every outcome of a program. */
export function outcomes(made: Program, engine: Engine = 'states'): Outcomes {
  const finals = new Set<string>();
  const result = explore(made, {
    engine,
    keepGoing: true,
    minimise: false,
    onEnd: (machine) => finals.add(finalState(machine)),
  });
  if (!result.complete) throw new Error(`not complete: ${result.reason}`);
  return {
    finals: [...finals].sort(),
    titles: result.bugs.map(({ title }) => title).sort(),
    states: result.states,
  };
}

export function finalState(machine: Machine): string {
  const shared = machine.globals.find((global) => global instanceof Shared)!;
  const waiting = machine.tasks.filter((task) => !task.ended.value && !task.actor);
  return `saw ${shared.seen.map((cell) => cell.value).join(' ')} log ${shared.log.value}${waiting.map(({ name }) => ` ${name} waits`).join('')}`;
}

/** A random recipe: an updater, a reader, and sometimes a third CPU. */
export function randomRecipe(seed: number): Recipe {
  const prng = new Prng(seed);
  const pick = <T>(items: readonly T[]): T => items[prng.below(items.length)];
  const look = (): Instruction => pick(['get x', 'get y', 'log'] as const);
  const update = (): Instruction =>
    pick(['call', 'sync', 'call', 'expedited', 'start', 'cookie'] as const);
  const third = prng.below(3) === 0;
  const updater: Instruction[] = ['set x', update()];
  if (!third) updater.push(pick(['call', 'poll', 'cond', 'barrier', 'sync', 'switch'] as const));
  updater.push(pick(['set y', 'log', 'poll'] as const));
  const reader: Instruction[] = ['(', look()];
  if (prng.below(3) === 0) reader.push('(', look(), ')');
  reader.push(look(), ')');
  if (prng.below(4) === 0) reader.push(pick(['switch', 'set y'] as const), look());
  const code = [updater, reader];
  if (third)
    code.push(
      pick<Instruction[]>([
        ['(', look(), ')'],
        ['idle', 'busy', look()],
      ]),
    );
  return code;
}
