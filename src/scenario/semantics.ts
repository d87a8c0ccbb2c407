/**
 * What an interleaving does, as four letters: a replay token carries them, so that a later dlab can
 * tell whether the token still means what it meant.
 *
 * Invariant: they depend on what every step reads and writes, where and in which order, and on
 * nothing else: neither on names of functions nor on lines of source. So a machine or a kernel that
 * was only tidied up leaves them alone, and one whose semantics have changed does not.
 */

import { replay, type Program, type Schedule } from '../explore/index.js';
import { Recorder } from '../trace/index.js';
import { checksum, encodeToken, type TokenContent } from './token.js';

/** The letters; null if the schedule does not fit the program. */
export function semanticsOf(program: Program, schedule: Schedule): string | null {
  const recorder = new Recorder(() => []);
  const replayed = replay(program, schedule, {
    observer: recorder,
    beforeStep: (step, decision, machine) =>
      recorder.beforeStep(
        step,
        machine.tasks.find(({ key }) => key === decision.task)!,
        machine,
      ),
    afterStep: (_step, machine) => recorder.afterStep(machine),
  });
  if (replayed.diverged !== null) return null;
  const { operations } = recorder.trace(program.name, schedule.length, 0, replayed);
  const did = operations.map(
    ({ step, main, task, op, order, object, field, value, readsFrom, wrote }) =>
      [step, main, task, op, order, object, field, value, readsFrom, wrote].join(' '),
  );
  return checksum(did.join('\n'));
}

/** The token of an interleaving of a program, with what it does. */
export function tokenOfRun(program: Program, content: Omit<TokenContent, 'semantics'>): string {
  return encodeToken({ ...content, semantics: semanticsOf(program, content.schedule) });
}
