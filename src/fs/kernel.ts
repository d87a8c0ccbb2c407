/**
 * Kernels for tests: processes that make calls one by one, or programs of which every interleaving
 * is run, call by call.
 */

import { MisuseError } from '../machine/index.js';
import { boot_direct, clock_of, init_of, set_clock } from './direct.js';
import { exploreCalls, type CallsOptions } from './calls.js';
import type { FsReport } from './search.js';
import { populate, type Body, type KernelConfig } from './setup.js';
import { processOf, type Process } from './sys.js';

/** A kernel in which programs can be started and explored, with a first process for direct use. */
export interface Kernel {
  /** Process 1, for straight-line tests: `k.init.openSync('/log')`. */
  readonly init: Process;
  /** The virtual clock, in milliseconds. */
  now: number;
  /** Add a program to those that are explored. */
  spawn(name: string, body: Body): void;
  /** What must be true when all programs have ended; throw, or answer what is wrong. */
  finally(check: (init: Process) => string | null | undefined): void;
  /** Run every interleaving of the programs' calls. */
  explore(options?: CallsOptions): Promise<FsReport>;
}

/** A kernel. Two kernels share nothing. */
export function createKernel(config: KernelConfig = {}): Kernel {
  const k = boot_direct(config);
  const init = processOf(k, init_of(k));
  if (config.files !== undefined) populate(init, config.files);
  const bodies: { name: string; body: Body }[] = [];
  const checks: ((init: Process) => string | null | undefined)[] = [];
  return {
    init,
    get now() {
      return clock_of(k);
    },
    set now(value: number) {
      set_clock(k, value);
    },
    spawn: (name, body) => {
      if (bodies.some((other) => other.name === name)) {
        throw new MisuseError(`there is a program '${name}' already: give this one another name`);
      }
      bodies.push({ name, body });
    },
    finally: (check) => {
      checks.push(check);
    },
    explore: (options) => exploreCalls({ config, bodies, checks }, options),
  };
}
