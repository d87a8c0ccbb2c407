/** The worker's side of an exploration: runs the job it is given and posts what comes out. */

import { parentPort, workerData } from 'node:worker_threads';
import type { Progress } from '../explore/index.js';
import { UsageError } from './exit.js';
import { runJob, type Job } from './job.js';
import type { FromWorker } from './runner.js';

const { job, stop } = workerData as { job: Job; stop: Int32Array };
const PROGRESS_SECONDS = 0.1;
let last = 0;

function post(message: FromWorker): void {
  parentPort?.postMessage(message);
}

try {
  const result = await runJob(job, (progress: Progress) => {
    if (progress.seconds - last >= PROGRESS_SECONDS) {
      last = progress.seconds;
      const { executions, states, steps, seconds, bugs } = progress;
      post({ type: 'progress', progress: { executions, states, steps, seconds, bugs } });
    }
    return Atomics.load(stop, 0) === 0;
  });
  post({ type: 'result', result });
} catch (error) {
  const { message, stack, name } = error as Error;
  const usage = error instanceof UsageError || name === 'MisuseError';
  post({ type: 'error', usage, message, stack: stack ?? message });
}
