/**
 * Kernel functions take the kernel they belong to as their first parameter, which stands for what
 * in C is global. Calls go through it, so that any function can be replaced by name.
 */

import { call } from './op-control.js';
import type { Task } from './op.js';

/** A kernel function whose first parameter is the kernel. */
export type KernelFunction = (k: never, ...args: never[]) => Task<unknown>;

/** The functions of a table as a kernel offers them: without the first parameter. */
export type Bound<M> = {
  readonly [K in keyof M]: M[K] extends (k: never, ...args: infer A) => infer R
    ? (...args: A) => R
    : never;
};

/** Offer functions on a kernel: each is called with that kernel first, as a function of its own. */
export function bind_functions(
  kernel: object,
  functions: Readonly<Record<string, KernelFunction>>,
): void {
  for (const [name, body] of Object.entries(functions)) {
    const bound = (...args: unknown[]): unknown => call(body as never, kernel, ...args);
    Object.defineProperty(kernel, name, { value: bound, enumerable: true });
  }
}
