/** The keys by which states are told apart: as wide as they say, and as good as random ones. */

import { describe, expect, test } from 'vitest';
import { explore, KEY_BITS, type Program } from '../../src/explore/index.js';
import { missedStateChance } from '../../src/explore/state-table.js';
import { KIND, Node, type Machine } from '../../src/machine/index.js';
import { findScenario, findVariant, programOf } from '../../src/scenario/index.js';
import { ainc } from '../support/programs.js';

function scenario(name: string): Program {
  const found = findScenario(name);
  return programOf(found, { variant: findVariant(found, 'v6.11') });
}

/** Walk every state once, naively: by what it holds, not by its key. */
function statesOf(program: Program): { key: readonly number[] }[] {
  const { machine } = program.build({});
  const { store } = machine;
  store.hashing = true;
  const contents = new Contents();
  const seen = new Set<string>();
  const states: { key: readonly number[] }[] = [];
  visit();
  return states;

  function visit(): void {
    const content = contents.of(machine);
    if (seen.has(content)) return;
    seen.add(content);
    const key = [store.h0, store.h1, store.h2] as const;
    states.push({ key });
    const mark = machine.mark();
    for (const task of machine.tasks.filter((t) => machine.enabled(t))) {
      for (let choice = 0; choice < machine.choices(task); choice += 1) {
        machine.step(task, choice);
        visit();
        machine.undo(mark);
        [store.h0, store.h1, store.h2] = key;
      }
    }
  }
}

/** What a state is, by exact numbers where keys have hashes. */
class Contents {
  readonly #ids = new Map<string, number>();
  readonly #places = new Map<Node, number>();

  /** All cells that belong to the state. */
  of(machine: Machine): string {
    const parts: string[] = [];
    for (const object of [...machine.globals, ...machine.allocated, ...machine.tasks]) {
      for (const cell of [...object.cells, object.life, object.owner]) {
        if (!cell.hashed || cell.value === cell.initial) continue;
        const { value } = cell as { value: unknown };
        // A task that has ended is like one that does not exist yet: neither does anything more.
        if (value instanceof Node && isOver(value)) continue;
        const id = value instanceof Node ? this.#placeOf(machine, value) : idOf(machine, value);
        parts.push(`${cell.id}=${id}`);
      }
    }
    return parts.sort().join();
  }

  /** Where a task is: by what it was answered; a round of retry() begins where the first began. */
  #placeOf(machine: Machine, node: Node): number {
    let place = this.#places.get(node);
    if (place === undefined) {
      place = this.#newPlace(machine, node);
      this.#places.set(node, place);
    }
    return place;
  }

  #newPlace(machine: Machine, node: Node): number {
    const { root, parent, via, result, context } = node;
    const at = (node: Node): number => this.#placeOf(machine, node);
    const contextOf = (of: Node): number => this.#idOf('context', idOf(machine, of.context));
    if (parent === null) {
      if (root.caller !== null) return this.#idOf('call', at(root.caller));
      return this.#idOf(
        'task',
        idOf(machine, root.body),
        ...root.args.map((a) => idOf(machine, a)),
      );
    }
    if (via !== null) {
      const path = parent.tracked ? at(via) : contextOf(via);
      return this.#idOf('return', at(parent), idOf(machine, result), path);
    }
    const { op } = parent;
    if (op?.kind === KIND.relax && op.a !== null) {
      const first = parent.parent!;
      return first.context === context
        ? at(first)
        : this.#idOf('round', at(first), contextOf(parent));
    }
    return this.#idOf('answer', at(parent), idOf(machine, result));
  }

  #idOf(...parts: (string | number)[]): number {
    const key = parts.join();
    const id = this.#ids.get(key) ?? this.#ids.size;
    this.#ids.set(key, id);
    return id;
  }
}

function isOver({ op, root, findings }: Node): boolean {
  return op === null && root.caller === null && findings === null;
}

function idOf(machine: Machine, value: unknown): number {
  return machine.store.values.idOf(value);
}

describe('the keys of a scenario', () => {
  const states = statesOf(scenario('stash/close-vs-close'));

  test('tell apart exactly the states that differ', () => {
    expect(states.length).toBeGreaterThan(3000);
    expect(new Set(states.map(({ key }) => key.join())).size).toBe(states.length);
  });

  test.each([
    [0, 1],
    [0, 2],
    [1, 2],
  ])('lanes %i and %i alone would do for so few: no lane repeats another', (a, b) => {
    expect(new Set(states.map(({ key }) => `${key[a]} ${key[b]}`)).size).toBe(states.length);
  });

  // 20 of the 96 bits, from one lane and from two: pairs that agree are as many as chance makes.
  const windows = [0, 1, 2].flatMap((lane) =>
    [0, 6, 12].map((shift): [string, (key: readonly number[]) => number] => [
      `bits ${shift} to ${shift + 19} of lane ${lane}`,
      (key) => (key[lane] >>> shift) & 0xfffff,
    ]),
  );
  const halves = [0, 1, 2].map((lane): [string, (key: readonly number[]) => number] => [
    `ten bits each of lanes ${lane} and ${(lane + 1) % 3}`,
    (key) => ((key[lane] & 0x3ff) << 10) | (key[(lane + 1) % 3] & 0x3ff),
  ]);

  test.each([...windows, ...halves])('%s collide as random ones do', (_what, bitsOf) => {
    const counts = new Map<number, number>();
    let pairs = 0;
    for (const { key } of states) {
      const bits = bitsOf(key);
      const before = counts.get(bits) ?? 0;
      pairs += before;
      counts.set(bits, before + 1);
    }
    const expected = (states.length * (states.length - 1)) / 2 / 2 ** 20;
    expect(Math.abs(pairs - expected)).toBeLessThan(5 * Math.sqrt(expected));
  });
});

describe('the bound on a missed state', () => {
  test('is n(n+1)/2^97, as is counted exactly', () => {
    expect(KEY_BITS).toBe(96);
    for (const n of [1, 84_016, 27_000_000]) {
      const exact = Number((BigInt(n) * BigInt(n + 1) * 2n ** 60n) / 2n ** 97n) / 2 ** 60;
      expect(Math.abs(missedStateChance(n) - exact)).toBeLessThanOrEqual(2 ** -60);
    }
    expect(missedStateChance(27_000_000)).toBeLessThan(1e-14);
  });

  test('belongs to the engines that compare states, and grows with what they saw', () => {
    const [small, large] = [3, 5].map((n) => explore(ainc(n), { engine: 'states' }));
    expect(small.missedStateChance).toBe(missedStateChance(small.states));
    expect(large.missedStateChance!).toBeGreaterThan(small.missedStateChance!);
    expect(explore(ainc(3), { engine: 'bounded' }).missedStateChance).not.toBeNull();
    expect(explore(ainc(3), { engine: 'dpor' }).missedStateChance).toBeNull();
  });
});
