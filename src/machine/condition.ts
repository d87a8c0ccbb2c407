/**
 * Looking at a condition without taking a step: kernel code that only reads, run on memory as it is.
 *
 * Invariant: nothing changes, and "true" is said only if a task that ran this code alone, now, would
 * find it true. Whatever takes more than looking (a write, a wait, freed memory) answers false.
 */

import { LIFE } from './memory.js';
import type { Body } from './node.js';
import { KIND, type AnyOp, type Note, type Reply, type Task } from './op.js';

const LOOKS_MAX = 1000;

class NotOnlyLooking extends Error {}

/** Does the condition hold for memory as it is now? */
export function holdsNow(condition: () => Task<boolean>): boolean {
  let looks = 0;
  try {
    return run(condition()) === true;
  } catch (error) {
    // What the CPU would trap on is no condition that holds either.
    if (error instanceof NotOnlyLooking || error instanceof TypeError) return false;
    throw error;
  }

  function run(code: Task<unknown>): unknown {
    const reply: Reply = { done: true, value: undefined };
    let step = code.next(undefined as never);
    while (step.done !== true) {
      looks += 1;
      if (looks > LOOKS_MAX) throw new NotOnlyLooking();
      reply.value = answerOf(step.value);
      step = code.next(reply);
    }
    return step.value;
  }

  function answerOf({ kind, cell, a, b }: AnyOp): unknown {
    switch (kind) {
      case KIND.read:
        if (cell.struct.life.value !== LIFE.live) throw new NotOnlyLooking();
        return cell.value;
      case KIND.call:
        return run((a as Body)(...(b as readonly unknown[])));
      case KIND.note:
        if ((a as Note).type === 'this-cpu') throw new NotOnlyLooking();
        return undefined;
      case KIND.fence:
      case KIND.sectionEnter:
      case KIND.sectionExit:
        return undefined;
      default:
        throw new NotOnlyLooking();
    }
  }
}
