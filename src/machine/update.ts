/**
 * Compare-exchange loops on one cell, as try_cmpxchg() loops and lockref's CMPXCHG_LOOP are.
 *
 * Invariant: a round that loses leaves nothing behind but the value that it found, so the loop does
 * as if it had only begun then. Whoever explores may therefore take the load and the exchange as
 * one step, in which no exchange ever loses: see `joinUpdates` of the machine. Loops that do
 * anything else between load and exchange are written out, and run access by access.
 */

import type { Cell } from './memory.js';
import { cmpxchg, load_for_update } from './op-memory.js';
import type { Order, Task } from './op.js';

/** What {@link cmpxchg_loop} returns when it has lost too often. */
export const GAVE_UP: unique symbol = Symbol('gave up');

/**
 * Replace the content of `cell` by what `next` makes of it, however often others are quicker.
 * Waits for nobody. Entry: anywhere. Source: the loops of include/linux/atomic and lib/lockref.c.
 * @param next pure; undefined to leave the cell alone
 * @param order of the exchange that is made; the load and lost exchanges order nothing
 * @returns the value that was replaced or left alone
 */
export function cmpxchg_loop<T>(
  cell: Cell<T>,
  next: (value: T) => T | undefined,
  order?: CmpxchgOrder,
): Task<T>;
/**
 * The same, with a last attempt.
 * @param attempts give up after so many lost exchanges. That cannot happen where the machine joins
 *   updates; it takes that many exchanges of others in the meantime
 * @returns the value that was replaced or left alone; GAVE_UP after the last attempt
 */
export function cmpxchg_loop<T>(
  cell: Cell<T>,
  next: (value: T) => T | undefined,
  order: CmpxchgOrder,
  attempts: number,
): Task<T | typeof GAVE_UP>;
export function* cmpxchg_loop<T>(
  cell: Cell<T>,
  next: (value: T) => T | undefined,
  order: CmpxchgOrder = 'full',
  attempts = Number.POSITIVE_INFINITY,
): Task<T | typeof GAVE_UP> {
  let value = yield* load_for_update(cell);
  for (let left = attempts; left > 0; left -= 1) {
    const replacement = next(value);
    if (replacement === undefined) return value;
    const found = yield* cmpxchg(cell, value, replacement, order);
    if (found === value) return value;
    value = found;
  }
  return GAVE_UP;
}

type CmpxchgOrder = Extract<Order, 'full' | 'acquire' | 'release' | 'relaxed'>;
