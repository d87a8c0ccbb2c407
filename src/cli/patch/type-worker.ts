/** A thread that keeps the compiler warm, so that types are looked at while scenarios are explored. */

import { parentPort, workerData } from 'node:worker_threads';
import { TypeChecker } from './typecheck.js';
import type { TypeAnswer } from './type-thread.js';

const checker = new TypeChecker(workerData as string);

parentPort?.on('message', (save: number) => {
  let answer: TypeAnswer;
  try {
    answer = { save, problems: checker.check() };
  } catch (error) {
    answer = { save, error: (error as Error).message };
  }
  parentPort?.postMessage(answer);
});
