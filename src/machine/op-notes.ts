/**
 * Notes: what kernel code says of itself. They are no steps; a check is made when the task comes by.
 *
 * A note answers the same whenever the task runs this code, so no history keeps it.
 */

import type { Cell, Struct } from './memory.js';
import { type Branch, type Op, type Section, note } from './op.js';
import type { Rule } from './rule.js';

/** Write to the kernel log: silent while exploring, shown when replaying. */
export function printk(level: string, text: string): Op<void> {
  return note({ type: 'printk', level, text });
}

/** Say that a branch is taken. */
export function cover(taken: Branch): Op<void> {
  return note({ type: 'branch', branch: taken });
}

/** Here the kernel may sleep: a bug inside a read-side section or under a spinlock. */
export function might_sleep(where: string): Op<void> {
  return note({ type: 'might-sleep', where });
}

/** Here the lock may be taken, whether or not this run takes it; for the lock-order check. */
export function might_lock(cell: Cell<number>): Op<void> {
  return note({ type: 'might-lock', cell: cell });
}

/** The caller's contract: this lock is held here. Source: include/linux/lockdep.h. */
export function lockdep_assert_held(cell: Cell<number>): Op<void> {
  return note({ type: 'assert-held', cell: cell });
}

/**
 * The caller's contract: this runs inside the section.
 * @param orHeld or with this lock held
 */
export function assert_in_section(section: Section, what: string, orHeld?: Cell<number>): Op<void> {
  return note({ type: 'in-section', section, what, ...(orHeld === undefined ? {} : { orHeld }) });
}

/**
 * The caller's contract: this runs outside the section, since it waits for who is inside.
 * @param title of the report if it does not; then `what` is its detail
 */
export function assert_not_in_section(section: Section, what: string, title?: string): Op<void> {
  return note({ type: 'not-in-section', section, what, ...(title === undefined ? {} : { title }) });
}

/**
 * Have a rule look at memory here: for what kernel code calls and does not write, as hooks. What the
 * rule sees as written is the object's `life`.
 */
export function inspect(object: Struct, rule: Rule): Op<void> {
  return note({ type: 'inspect', object, rule });
}

/** Report a kernel warning; `title` as the kernel prints it. Execution goes on. */
export function WARN(title: string): Op<void> {
  return note({ type: 'warn', title });
}
