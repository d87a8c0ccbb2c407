/**
 * `dlab new variant NAME`: a file to begin a patch with.
 *
 * What it writes compiles, runs and HOLDS as it is, so that whatever goes wrong afterwards comes
 * from a change. Invariant: no file is ever overwritten.
 */

import { writeFileSync } from 'node:fs';
import { EXIT, UsageError } from './exit.js';
import { oneOf } from './options.js';

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const LENGTH_MAX = 60;

/** The newest stash_dentry(), with what one needs to change it. */
function variantText(name: string): string {
  return `/**
 * ${name}: stash_dentry() as in Linux 6.9 and later, to be changed.
 *
 *   dlab patch ${name}.ts                                    what does it change?
 *   dlab patch ${name}.ts --watch                            again at every save
 *   dlab check stash/close-vs-open --with ${name}.ts         one scenario
 *
 * A function that is exported takes the place of the kernel's function of its name. Each access to
 * shared memory is a \`yield*\`; calls of other kernel functions go through k. What there is to
 * replace: dlab list functions. cover() tells which branches some interleaving takes; branches of
 * your own are made and exported so: export const MINE = branch('stash_dentry', 'does this').
 */

import {
  cmpxchg,
  cover,
  cpu_relax,
  STASH,
  try_cmpxchg,
  type Dentry,
  type Stash,
  type Task,
  type VfsKernel,
} from 'dentrylab';

/**
 * Put a new dentry into the stash, unless a live one is there.
 * @returns the one that is in the stash now, with a reference for the caller
 */
export function* stash_dentry(k: VfsKernel, stashed: Stash, dentry: Dentry): Task<Dentry> {
  yield* k.rcu_read_lock();
  for (;;) {
    const old = yield* cmpxchg(stashed, null, dentry);
    if (old === null) {
      yield* cover(STASH.INSTALLED);
      break;
    }
    if (yield* k.lockref_get_not_dead(old.d_lockref)) {
      yield* cover(STASH.FOUND_LIVE);
      yield* k.rcu_read_unlock();
      return old;
    }
    // It is dead, and RCU keeps its memory: whoever is first takes its place.
    if (yield* try_cmpxchg(stashed, old, dentry)) {
      yield* cover(STASH.TAKES_OVER);
      break;
    }
    yield* cover(STASH.TRIES_AGAIN);
    yield* cpu_relax();
  }
  yield* k.rcu_read_unlock();
  return dentry;
}
`;
}

/** Write a starting file into the current folder. @returns the exit code */
export function create(what: string, name: string): number {
  oneOf('new', what, ['variant']);
  if (!NAME.test(name) || name.length > LENGTH_MAX) {
    throw new UsageError(
      `'${name}' cannot be a name: small letters and digits, with single hyphens between, as in my-stash`,
    );
  }
  const path = `${name}.ts`;
  try {
    writeFileSync(path, variantText(name), { flag: 'wx' });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw new UsageError(`${path} is there already: choose another name`);
    throw new UsageError(`cannot write ${path}: ${message}`);
  }
  console.log(`wrote ${path}. Try: dlab patch ${path}`);
  return EXIT.HOLDS;
}
