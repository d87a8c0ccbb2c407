/**
 * Kernels for tests: processes that make calls one by one, or programs of which every interleaving
 * is run, call by call or access by access.
 */

import { MisuseError } from '../machine/index.js';
import { ASKING, drive } from './asking.js';
import { boot_direct, clock_of, init_of, set_clock } from './direct.js';
import { exploreAccesses, type AccessOptions } from './accesses.js';
import {
  exploreCalls,
  makerOf,
  type CallsOptions,
  type Check,
  type CrashCheck,
  type Named,
} from './calls.js';
import { FaultBook } from './faults.js';
import { createNodeFs } from './node/index.js';
import type { NodeFs } from './node/types.js';
import type { AsyncBody } from './programs.js';
import type { FsReport } from './report.js';
import { populate, type Body, type KernelConfig } from './setup.js';
import { processOf, type Process } from './sys.js';

/** What is a step: a call, made at once, or every shared access of the kernel under the calls. */
export type FsExploreOptions =
  | ({ readonly granularity?: 'call' } & CallsOptions)
  | ({ readonly granularity: 'access' } & AccessOptions);

/** A kernel in which programs can be started and explored, with a first process for direct use. */
export interface Kernel {
  /** Process 1, for straight-line tests: `k.init.openSync('/log')`. */
  readonly init: Process;
  /** Process 1 in the shape of `node:fs`, to be given to a program in its place. */
  readonly fs: NodeFs;
  /** The virtual clock, in milliseconds. */
  now: number;
  /** Add a program to those that are explored: a process, or a thread of one that was added. */
  spawn(name: string, body: Body, options?: { readonly threadOf?: string }): void;
  /**
   * Add a program that is written for Node: an async function that is given a `node:fs`. Each call
   * that its promises make is a step, so that readFile is several.
   */
  spawnAsync(name: string, body: AsyncBody): void;
  /** What must be true when all programs have ended. */
  finally(check: Check): void;
  /** What must be true after a crash, wherever it comes and whatever survives. */
  afterCrash(check: CrashCheck): void;
  /** Run every interleaving of the programs. */
  explore(options?: FsExploreOptions): Promise<FsReport>;
}

/** A kernel. Two kernels share nothing. */
export function createKernel(config: KernelConfig = {}): Kernel {
  const k = boot_direct(config);
  drive(populate(ASKING, config), makerOf(k));
  const { faults = [] } = config;
  const book = new FaultBook(faults);
  const init =
    faults.length === 0
      ? processOf(k, init_of(k))
      : processOf(k, init_of(k), (...call) => book.call(...call));
  const bodies: Named<Body>[] = [];
  const asyncBodies: Named<AsyncBody>[] = [];
  const checks: Check[] = [];
  const crashChecks: CrashCheck[] = [];
  const isTaken = (name: string): boolean =>
    [...bodies, ...asyncBodies].some((other) => other.name === name);
  const refuseTaken = (name: string): void => {
    if (isTaken(name)) {
      throw new MisuseError(`there is a program '${name}' already: give this one another name`);
    }
  };
  return {
    init,
    fs: createNodeFs(init),
    get now() {
      return clock_of(k);
    },
    set now(value: number) {
      set_clock(k, value);
    },
    spawn: (name, body, { threadOf } = {}) => {
      refuseTaken(name);
      if (threadOf !== undefined && !bodies.some((other) => other.name === threadOf)) {
        throw new MisuseError(`there is no program '${threadOf}' yet: spawn it first`);
      }
      bodies.push({ name, body, ...(threadOf === undefined ? {} : { threadOf }) });
    },
    spawnAsync: (name, body) => {
      refuseTaken(name);
      asyncBodies.push({ name, body });
    },
    finally: (check) => {
      checks.push(check);
    },
    afterCrash: (check) => {
      crashChecks.push(check);
    },
    explore: async (options = {}) => {
      if (options.granularity === 'access') {
        refuseByAccess(asyncBodies, config);
        return exploreAccesses({ config, bodies, checks }, options);
      }
      if (options.crash === undefined && crashChecks.length > 0) {
        throw new MisuseError("afterCrash needs crashes: explore({ crash: 'posix' })");
      }
      return exploreCalls({ config, bodies, asyncBodies, checks, crashChecks }, options);
    },
  };
}

/** What exists only call by call. */
function refuseByAccess(asyncBodies: readonly Named<AsyncBody>[], config: KernelConfig): void {
  if (asyncBodies.length > 0) {
    throw new MisuseError(
      'access by access, programs are generators: k.spawn(name, function* ...)',
    );
  }
  if ((config.faults ?? []).length > 0) {
    throw new MisuseError('access by access, no faults are injected: leave out `faults`');
  }
}
