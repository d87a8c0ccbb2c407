/**
 * Calls that ask for themselves to be made, and who makes them.
 *
 * Code written with these calls runs at once, inside promises, or under an explorer that decides
 * when each call is made. Invariant: between two requests such code does nothing that others see.
 */

import type { Task } from '../machine/index.js';
import { CALL_NAMES, type Sys } from './sys.js';

/** A call that a program is about to make. */
export interface Request {
  readonly name: (typeof CALL_NAMES)[number];
  readonly args: readonly unknown[];
}

/** Code that makes requests, and goes on with their answers. */
export type Asking<T = unknown> = Generator<Request, T, unknown>;

/** Every call as a request for it. */
export const ASKING = Object.fromEntries(
  CALL_NAMES.map((name) => [
    name,
    function* (...args: unknown[]): Asking {
      return yield { name, args };
    },
  ]),
) as unknown as Sys;

/** Makes a call. */
export type Maker<R = unknown> = (name: Request['name'], args: readonly unknown[]) => R;

/** Run code written with {@link ASKING} to its end, each call at once. */
export function drive<T>(code: Task<T>, make: Maker): T {
  const asking = code as unknown as Asking<T>;
  let step = asking.next(undefined);
  while (step.done !== true) step = asking.next(make(step.value.name, step.value.args));
  return step.value;
}

/** As {@link drive}, for calls that are answered later. */
export async function driveAsync<T>(code: Task<T>, make: Maker): Promise<T> {
  const asking = code as unknown as Asking<T>;
  let step = asking.next(undefined);
  while (step.done !== true) step = asking.next(await make(step.value.name, step.value.args));
  return step.value;
}
