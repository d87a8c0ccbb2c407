/**
 * Kernels for tests: processes that make calls one by one, or programs of which every interleaving
 * is run, call by call or access by access.
 */

import { MisuseError } from '../machine/index.js';
import { boot_direct, clock_of, init_of, set_clock } from './direct.js';
import { exploreAccesses, type AccessOptions } from './accesses.js';
import { exploreCalls, type CallsOptions, type Check, type Named } from './calls.js';
import { createNodeFs } from './node/index.js';
import type { NodeFs } from './node/types.js';
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
  /** What must be true when all programs have ended. */
  finally(check: Check): void;
  /** Run every interleaving of the programs. */
  explore(options?: FsExploreOptions): Promise<FsReport>;
}

/** A kernel. Two kernels share nothing. */
export function createKernel(config: KernelConfig = {}): Kernel {
  const k = boot_direct(config);
  const init = processOf(k, init_of(k));
  if (config.files !== undefined) populate(init, config.files);
  const bodies: Named<Body>[] = [];
  const checks: Check[] = [];
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
      if (bodies.some((other) => other.name === name)) {
        throw new MisuseError(`there is a program '${name}' already: give this one another name`);
      }
      if (threadOf !== undefined && !bodies.some((other) => other.name === threadOf)) {
        throw new MisuseError(`there is no program '${threadOf}' yet: spawn it first`);
      }
      bodies.push({ name, body, ...(threadOf === undefined ? {} : { threadOf }) });
    },
    finally: (check) => {
      checks.push(check);
    },
    explore: (options = {}) =>
      options.granularity === 'access'
        ? Promise.resolve(exploreAccesses({ config, bodies, checks }, options))
        : exploreCalls({ config, bodies, checks }, options),
  };
}
