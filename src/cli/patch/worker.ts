/**
 * A thread that explores sides of patches, one after the other, and stays warm between them.
 *
 * Invariant: every question is answered once; one that belongs to an older save than the newest is
 * given up soon.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { UsageError } from '../exit.js';
import type { Answer, Question, ThreadData } from './crew.js';
import { failureOf, isThrownBy, loadPatch, NO_PATCH } from './load.js';
import { sideOf, touches } from './side.js';

const { save } = workerData as ThreadData;
const newest = new Int32Array(save);

// So that an error in a patch names the user's file.
process.setSourceMapsEnabled(true);

async function answerTo(question: Question): Promise<Answer> {
  const { job, asked } = question;
  const goesOn = (): boolean => Atomics.load(newest, 0) === question.save;
  try {
    const patch = job.compiled === null ? NO_PATCH : await loadPatch(job.patch!, job.compiled);
    if (!goesOn()) return { type: 'stale' };
    if (question.type === 'touch') return { type: 'touch', touch: touches(job, patch, goesOn) };
    const side = sideOf(job, patch, asked, goesOn);
    return goesOn() ? { type: 'side', side } : { type: 'stale' };
  } catch (thrown) {
    const isOfPatch = job.compiled !== null && isThrownBy(job.compiled, thrown as Error);
    const error = isOfPatch
      ? failureOf(job.patch!, thrown as Error, 'throws when it runs')
      : thrown;
    const { message, name, stack } = error as Error;
    const usage = error instanceof UsageError || name === 'MisuseError';
    return { type: 'error', usage, message, stack: stack ?? message };
  }
}

parentPort?.on('message', (question: Question) => {
  void answerTo(question).then((answer) => parentPort?.postMessage(answer));
});
