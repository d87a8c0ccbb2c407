/** The kernel functions and branches that a compiled patch exports, checked by name. */

import type { Branch, KernelFunction } from '../../machine/index.js';
import { kernel_function_names, nearest } from '../../vfs/index.js';
import { UsageError } from '../exit.js';
import type { Compiled } from './compile.js';

/** What a patch brings. */
export interface Patch {
  /** They take the places of the kernel's functions of these names. */
  readonly functions: Readonly<Record<string, KernelFunction>>;
  /** Their coverage is reported with the scenario's own. */
  readonly branches: readonly Branch[];
}

export const NO_PATCH: Patch = { functions: {}, branches: [] };

/** Load a patch. @param path as the user named it @throws UsageError */
export async function loadPatch(path: string, { url }: Pick<Compiled, 'url'>): Promise<Patch> {
  let module: Record<string, unknown>;
  try {
    module = (await import(url)) as Record<string, unknown>;
  } catch (error) {
    throw failureOf(path, error as Error, 'cannot be loaded');
  }
  const known = kernel_function_names();
  const functions: Record<string, KernelFunction> = {};
  const branches: Branch[] = [];
  for (const [name, value] of Object.entries(module)) {
    if (isBranch(value)) branches.push(value);
    if (typeof value !== 'function') continue;
    if (!known.includes(name)) {
      throw new UsageError(
        `${path}: exports '${name}', which is no kernel function; the nearest are ` +
          `${nearest(name, known).join(', ')}. Do not export helpers. See: dlab list functions`,
      );
    }
    if (value.constructor.name !== 'GeneratorFunction') {
      throw new UsageError(
        `${path}: '${name}' must be a generator function: export function* ${name}(k, ...)`,
      );
    }
    functions[name] = value as KernelFunction;
  }
  if (Object.keys(functions).length === 0) {
    throw new UsageError(
      `${path}: exports no function. Export one named like what it replaces: dlab list functions`,
    );
  }
  return { functions, branches };
}

function isBranch(value: unknown): value is Branch {
  const { fn, what } = (value ?? {}) as Partial<Branch>;
  return typeof value === 'object' && typeof fn === 'string' && typeof what === 'string';
}

/**
 * What to tell the user about an error that a patch threw. @param what happened to the patch
 */
export function failureOf(path: string, error: Error, what: string): UsageError {
  const { name, message, stack = '' } = error;
  // The message of a loop without an end says where it is.
  if (name === 'MisuseError') return new UsageError(message);
  const place = /^\s+at (?:(\S+) )?.*?\(?(?:file:\/\/)?([^\s()]+:\d+:\d+)\)?$/m.exec(stack);
  const where = place === null || place[2].startsWith('node:') ? '' : `\n  at ${place[2]}`;
  return new UsageError(`${path}: ${what}: ${name}: ${message}${where}`);
}

/** Did code of this patch throw the error? */
export function isThrownBy({ url, sources }: Compiled, { stack = '' }: Error): boolean {
  // The first frame is the one that threw. It names the user's file if source maps are on.
  const first = /^\s+at .*$/m.exec(stack)?.[0] ?? '';
  return [url, ...sources].some((file) => first.includes(file));
}
