/**
 * The questions of the lessons. No answer is written down: each is found by exploring, as the
 * learner does.
 */

import {
  checkLiveness,
  explain,
  explore,
  straightSchedule,
  type Bug,
  type ExploreResult,
  type Program,
} from '../explore/index.js';
import type { LockrefModel } from '../lockref/index.js';
import { findScenario, findVariant, programOf, record } from '../scenario/index.js';

export interface Question {
  /** The right answer, found now. */
  readonly answer: () => string;
  /** Where to look, for who got it wrong. */
  readonly hint: string;
  /** What the answer means. */
  readonly because: (answer: string) => string;
}

interface Options {
  readonly variant?: string;
  readonly lockref?: LockrefModel;
}

function program(name: string, { variant, lockref = 'faithful' }: Options = {}): Program {
  const scenario = findScenario(name);
  return programOf(scenario, { variant: findVariant(scenario, variant), lockref });
}

function result(name: string, options: Options = {}): ExploreResult {
  return explore(program(name, options));
}

function smallestBug(name: string, options: Options): Bug {
  return result(name, options).bugs[0];
}

/** The step after which every continuation fails. */
function pointOfNoReturn(name: string, options: Options): string {
  const explored = program(name, options);
  const { noReturn } = explain(explored, explore(explored).bugs[0]);
  return String(noReturn);
}

/** The variant whose interleavings never take a branch with these words. */
function neverDoes(name: string, variants: readonly string[], what: string): string {
  const never = variants.filter((variant) =>
    result(name, { variant }).neverTaken.some((branch) => branch.what === what),
  );
  return never.join(' and ');
}

const EXITS: Readonly<Record<string, string>> = {
  empty: 'installs into an empty stash',
  reuse: 'finds a live dentry in the stash',
  'take-over': 'takes over a dead dentry',
};

const QUESTIONS: readonly Question[] = [
  {
    answer: () => {
      const looked = program('lesson/dentry');
      const { operations } = record(looked, straightSchedule(looked)).trace;
      const made = operations.filter(
        ({ op, value }) => op === 'alloc' && value!.startsWith('dentry#'),
      );
      return String(made.length);
    },
    hint: 'Count the lines that say "is allocated": dlab show lesson/dentry -v',
    because: (count) =>
      `${count}. The second lookup found what the first had left in the cache; that is what a cache is for.`,
  },
  {
    answer: () => result('lesson/counter', { variant: 'once' }).verdict,
    hint: 'Let it be tried: dlab check lesson/counter --variant once',
    because: (verdict) =>
      `${verdict}. A marked access is one access, but reading and writing are still two.`,
  },
  {
    answer: () => String(smallestBug('lesson/lockref', { lockref: 'counter' }).switches),
    hint: 'The line that begins with "min" says it: dlab check lesson/lockref --lockref counter',
    because: (count) =>
      `${count}. Away from the holder while it has the lock, and back: the count moved under it.`,
  },
  {
    answer: () =>
      neverDoes('lesson/dead', ['not-zero', 'not-dead'], 'takes a reference on an unused entry'),
    hint: 'Look at the branches that no interleaving took: dlab check lesson/dead --variant not-zero',
    because: (variant) =>
      `${variant}. To lockref_get_not_zero an unused entry is as good as gone; not so to the other.`,
  },
  {
    answer: () => String(smallestBug('lesson/last-put', { variant: 'no-look' }).switches),
    hint: 'The line that begins with "min" says it: dlab check lesson/last-put --variant no-look',
    because: (count) =>
      `${count}. The count goes to zero, up again, and the one who saw zero frees what is in use.`,
  },
  {
    answer: () => pointOfNoReturn('lesson/rcu', { variant: 'late' }),
    hint: 'The line that begins with "doom" says it: dlab check lesson/rcu --variant late',
    because: (step) =>
      `step ${step}, where the memory is freed. The reader has the pointer, and nobody waits for it.`,
  },
  {
    answer: () => {
      const { retries } = checkLiveness(program('lesson/rename'), {});
      return String(Math.max(...retries.map(({ most }) => most)));
    },
    hint: 'The line "retries" says it: dlab check lesson/rename --liveness',
    because: (most) =>
      `at most ${most}: one for each move. Readers are never kept going round by one who has ended.`,
  },
  {
    answer: () => {
      let most = 0;
      explore(program('stash/open-vs-reopen'), {
        engine: 'dpor',
        onEnd: ({ allocated }) => {
          const made = allocated.filter(({ kind, life }) => kind === 'dentry' && life.value !== 0);
          most = Math.max(most, made.length);
        },
      });
      return String(most);
    },
    hint: 'How many tasks can find the stash empty before one of them has filled it?',
    because: (most) =>
      `${most}. Both may find the stash empty and make one; the loser drops its own and uses the winner's.`,
  },
  {
    answer: () => pointOfNoReturn('stash/close-vs-open', { variant: 'v6.9' }),
    hint: 'The line that begins with "doom" says it: dlab check stash/close-vs-open --variant v6.9',
    because: (step) =>
      `step ${step}, where the dentry is freed. Up to then the opener could still have been quicker.`,
  },
  {
    answer: () => {
      const { neverTaken } = result('stash/close-vs-open');
      const exits = Object.keys(EXITS).filter((exit) =>
        neverTaken.some(({ fn, what }) => fn === 'stash_dentry' && what === EXITS[exit]),
      );
      return exits.join(' and ');
    },
    hint: 'Look at the branches that no interleaving took: dlab check stash/close-vs-open',
    because: (exit) =>
      `${exit}. Who dies clears the stash before it lets go of d_lock, and lockref waits for d_lock.`,
  },
];

/** The question of a lesson, by its number. */
export function questionOf(number: number): Question {
  return QUESTIONS[number - 1];
}

/** Is this the answer? Case and underscores do not matter, nor do the words `lockref_get`, `step`. */
export function isRight({ answer }: Question, given: string): boolean {
  return normal(given) === normal(answer());
}

function normal(text: string): string {
  return text
    .toLowerCase()
    .replaceAll('_', '-')
    .replace(/^(?:lockref-get-|step )/, '')
    .trim();
}
