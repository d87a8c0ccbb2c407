/**
 * Did a check with a patch put it to the test? A scenario that never calls it proves nothing about it.
 *
 * Invariant: a patch that no run calls is never passed over in silence.
 */

import type { Job } from '../job.js';
import { Crew } from './crew.js';
import { loadPatch } from './load.js';

/** How long to look for a run that calls the patch, in seconds: most scenarios do so in the first. */
const SECONDS = 10;

/**
 * Look, and tell on stderr of every scenario that does not call the patch.
 * @param jobs all with the same patch, compiled
 * @returns false if it is known that no run of any of them calls it
 */
export async function isPatchCalled(jobs: readonly Job[]): Promise<boolean> {
  const [{ patch, compiled }] = jobs as [Job];
  const names = Object.keys((await loadPatch(patch!, compiled!)).functions);
  const functions = names.length === 1 ? names[0] : `any of ${names.join(', ')}`;
  const crew = new Crew(1);
  let isCalled = false;
  let isMissed = false;
  try {
    for (const job of jobs) {
      const seconds = Math.min(job.seconds ?? SECONDS, SECONDS);
      const touch = await crew.touch({ ...job, seconds });
      if (touch !== 'no') isCalled = true;
      if (touch === 'yes') continue;
      console.error(
        touch === 'no'
          ? `dlab: no run of ${job.scenario} calls ${functions}: ${patch} was not put to the test`
          : `dlab: not known whether a run of ${job.scenario} calls ${functions}: none did in ${seconds} s`,
      );
      isMissed = true;
    }
    if (isMissed) console.error(`  try: dlab patch ${patch}`);
  } finally {
    await crew.close();
  }
  return isCalled;
}
