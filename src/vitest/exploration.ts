/**
 * What a test holds in its hands: one exploration, and its counterexample once somebody asks.
 *
 * Invariant: the counterexample depends on the scenario and the options alone. It is minimised
 * within a budget of states, never of time, and drawn 80 columns wide without colour.
 */

import {
  explore,
  smallestBugs,
  type Bug,
  type ExploreResult,
  type Program,
  type Schedule,
  type Verdict,
} from '../explore/index.js';
import type { Machine, MachineOptions } from '../machine/index.js';
import { programOf, tokenOfRun, type OwnScenario, type Scenario } from '../scenario/index.js';
import { Counterexample } from './counterexample.js';
import { Outcomes, type Returned } from './outcomes.js';
import type { Choice } from './options.js';

/** A scenario, explored: what the matchers look at. */
export class Exploration<W = unknown> {
  readonly scenario: Scenario | OwnScenario<W>;
  /** What was asked for, with all that was left out. */
  readonly choice: Choice;
  readonly program: Program;
  readonly #result: ExploreResult;
  readonly #labels = new Set<string>();
  readonly #outcomes = new Outcomes();
  #isUsed = false;
  #bug: Bug | null | undefined = undefined;
  #counterexample: Counterexample | null = null;

  constructor(scenario: Scenario | OwnScenario<W>, choice: Choice) {
    this.scenario = scenario;
    this.choice = choice;
    this.program = programOf(scenario, choice.scenario);
    const machines: Machine[] = [];
    const build = (options: MachineOptions): ReturnType<Program['build']> => {
      const built = this.program.build(options);
      machines.push(built.machine);
      return built;
    };
    this.#result = explore(
      { ...this.program, build },
      {
        ...choice.explore,
        minimise: false,
        onEnd: (machine) => this.#outcomes.add(machine),
      },
    );
    for (const { fn, what } of machines.flatMap((machine) => [...machine.branchesTaken])) {
      this.#labels.add(`${fn} ${what}`);
    }
  }

  /** Has anybody asked what came out? A test in which nobody does proves nothing. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** As the explorer answers it; its bugs are not minimised. */
  get result(): ExploreResult {
    this.#isUsed = true;
    return this.#result;
  }

  get verdict(): Verdict {
    return this.result.verdict;
  }

  /** The titles of what was found, gravest first. */
  get titles(): readonly string[] {
    return this.result.bugs.map(({ title }) => title);
  }

  /** Branches that some interleaving took, declared or not: `stash_dentry takes over a dead dentry`. */
  get branchesTaken(): ReadonlySet<string> {
    this.#isUsed = true;
    return this.#labels;
  }

  /** What the tasks returned, each combination once. */
  get outcomes(): readonly Returned[] {
    this.#isUsed = true;
    return this.#outcomes.all;
  }

  /** `stash/close-vs-open @ v6.9`, and what is not as usual. */
  get name(): string {
    const { variant, lockref, fs, reuse, failAlloc, functions } = this.choice.scenario;
    const unusual = [
      lockref === 'faithful' ? '' : `lockref ${lockref}`,
      fs === 'nsfs' ? '' : fs,
      reuse === 'never' ? '' : `reuse ${reuse}`,
      failAlloc ? 'failing allocations' : '',
      Object.keys(functions).length === 0 ? '' : `with ${Object.keys(functions).join(', ')}`,
    ].filter((text) => text !== '');
    return [`${this.scenario.name} @ ${variant.name}`, ...unusual].join(', ');
  }

  /** The smallest failing interleaving; null if none was found. */
  get bug(): Bug | null {
    if (this.#bug === undefined) {
      const { bugs } = this.result;
      const { machine, keepGoing } = this.choice.explore;
      const options = {
        keepGoing: keepGoing ?? false,
        ...(machine === undefined ? {} : { machine }),
      };
      const isGrave = bugs[0]?.kind !== 'livelock';
      const [smallest] =
        isGrave && bugs.length > 0 ? smallestBugs(this.program, bugs, options) : bugs;
      this.#bug = smallest ?? null;
    }
    return this.#bug;
  }

  /** The same, drawn; for snapshots and messages. */
  get counterexample(): Counterexample | null {
    const { bug } = this;
    if (bug === null) return null;
    this.#counterexample ??= new Counterexample(this.program, bug, this.tokenOf(bug.schedule));
    return this.#counterexample;
  }

  /** The replay token of an interleaving: for `dlab show`, and for `toReplay`. */
  tokenOf(schedule: Schedule): string {
    const { variant, functions, ...options } = this.choice.scenario;
    return tokenOfRun(this.program, {
      ...options,
      scenario: this.scenario.name,
      variant: variant.name,
      patched: Object.keys(functions).length > 0,
      schedule,
    });
  }
}
