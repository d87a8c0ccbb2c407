/** `dlab check --liveness`: what the graph of states says about going on, as text or JSON. */

import {
  checkLiveness,
  type LivenessResult,
  type Program,
  type Verdict,
} from '../explore/index.js';
import { encodeSchedule } from '../scenario/index.js';
import { programOfJob, type Job } from './job.js';
import { keysOf, tokenOf } from './report.js';

/** Functions with loops that the stash is about: spoken of even if they never go round. */
const LOOPS = ['get_stashed_path', 'stash_dentry'];
/** Without a budget of one's own. */
const SECONDS = 60;

/**
 * Check and print.
 * @param safety the verdict of the exploration: what is bad already stays so
 * @returns the verdict with liveness taken in
 */
export async function livenessVerdict(job: Job, json: boolean, safety: Verdict): Promise<Verdict> {
  const program = await programOfJob(job);
  const result = checkLiveness(program, {
    functions: job.scenario.startsWith('stash/') ? LOOPS : [],
    now: () => performance.now() / 1000,
    budget: { seconds: job.seconds ?? SECONDS },
  });
  const { livelocks, retries } = result;
  if (json) {
    const bounds = retries.map(({ fn, most }) => ({ fn, most: isFinite(most) ? most : null }));
    console.log(
      JSON.stringify({
        scenario: job.scenario,
        liveness: {
          ...result,
          retries: bounds,
          livelocks: livelocks.map((bug) => ({ ...bug, token: tokenOf(job, program, bug) })),
        },
      }),
    );
  } else {
    console.log(`${linesOf(job, program, result).join('\n')}\n`);
  }
  if (livelocks.length > 0) return 'VIOLATED';
  return result.complete ? safety : 'INCOMPLETE';
}

function linesOf(job: Job, program: Program, result: LivenessResult): string[] {
  const { complete, reason, states, missedStateChance } = result;
  const { livelocks, retries, waits, lockFree } = result;
  const lines = [`  liveness, ${states} states${complete ? '' : `: not everything, ${reason}`}`];
  lines.push(`    ${keysOf(missedStateChance)}`);
  for (const bug of livelocks) {
    const { title, detail, schedule, cycleFrom } = bug;
    lines.push(`    ${title}`, `      ${detail}`);
    lines.push(
      `      ${encodeSchedule(schedule.slice(0, cycleFrom)) || 'the start'}, then for ever:`,
    );
    lines.push(`      ${encodeSchedule(schedule.slice(cycleFrom))}`);
    lines.push(`      dlab show ${tokenOf(job, program, bug)}`);
  }
  if (livelocks.length === 0 && complete) lines.push('    no livelock');
  for (const { fn, most } of retries) {
    const bound = isFinite(most) ? `at most ${most}${complete ? '' : ' so far'}` : 'unbounded';
    lines.push(`    retries: ${bound} in ${fn}`);
  }
  for (const { fn, verdict, because } of lockFree) {
    lines.push(`    lock-free: ${fn}: ${verdict}${because === null ? '' : `: ${because}`}`);
  }
  if (waits.length === 0 && complete) lines.push('    nobody ever waits for anybody');
  return lines;
}
