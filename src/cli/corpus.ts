/**
 * The corpus: failing tokens that are kept with the project, and replayed before anything is
 * explored.
 *
 * One file per scenario, one token a line, its title as a comment. It is used if its folder exists
 * or is named; invariant: a line is added at most once and none is ever removed. A line that cannot
 * be read is told and left alone, and the others are still replayed.
 */

import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replay, type Bug, type Program } from '../explore/index.js';
import { MisuseError } from '../machine/index.js';
import { decodeToken, findScenario, semanticsOf, type TokenContent } from '../scenario/index.js';
import { programOfJob, type Job } from './job.js';
import { tokenOf } from './report.js';

const FOLDER = join('.dlab', 'corpus');

/** The folder to use; null for none. */
export function corpusFolder(named: string | undefined): string | null {
  if (named !== undefined) return named;
  return existsSync(FOLDER) ? FOLDER : null;
}

function fileOf(folder: string, { scenario }: Job): string {
  return join(folder, `${scenario.replaceAll('/', '.')}.tokens`);
}

function linesOf(folder: string, job: Job): string[] {
  const path = fileOf(folder, job);
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
}

/** Replay the tokens that were made with a job's options. @returns lines to print */
export async function replayCorpus(folder: string, job: Job): Promise<string[]> {
  const scenario = findScenario(job.scenario);
  const program = await programOfJob(job);
  const failing: string[] = [];
  const damaged: string[] = [];
  let count = 0;
  let unfit = 0;
  let other = 0;
  for (const [i, line] of linesOf(folder, job).entries()) {
    const token = line.replace(/#.*/, '').trim();
    if (token === '') continue;
    const content = contentOf(token);
    if (content instanceof MisuseError) {
      damaged.push(`  corpus: ${fileOf(folder, job)}:${i + 1} is passed over: ${content.message}`);
      continue;
    }
    const isOfJob =
      content.variant === job.variant &&
      content.lockref === job.lockref &&
      content.rcu === job.rcu &&
      content.fs === job.fs &&
      content.reuse === job.reuse &&
      content.failAlloc === job.failAlloc &&
      (!content.patched || job.patch !== null);
    if (!isOfJob) continue;
    count += 1;
    const { findings, diverged } = replay(program, content.schedule);
    // Of a patch's token that is what one expects of the next version of the patch.
    if (diverged !== null) unfit += 1;
    else if (
      content.semantics !== null &&
      semanticsOf(program, content.schedule) !== content.semantics
    )
      other += 1;
    const bug = findings.find(({ finding }) => finding.kind !== 'KCSAN') ?? findings[0];
    if (bug !== undefined) failing.push(`    ${bug.title}`, `      dlab show ${token}`);
  }
  if (count === 0) return damaged;
  const changed = [
    unfit === 0 ? '' : `, ${unfit} no longer ${unfit === 1 ? 'fits' : 'fit'} this code`,
    other === 0 ? '' : `, ${other} ${other === 1 ? 'does' : 'do'} other things than when kept`,
  ].join('');
  const head = `  corpus: ${failing.length / 2} of ${count} tokens fail${changed}`;
  return [...damaged, head, ...failing];

  function contentOf(token: string): TokenContent | MisuseError {
    const variants = scenario.variants.map(({ name }) => name);
    try {
      return decodeToken(token, [job.scenario], variants);
    } catch (error) {
      if (error instanceof MisuseError) return error;
      throw error;
    }
  }
}

/** Keep a bug's token. */
export function addToCorpus(folder: string, job: Job, program: Program, bug: Bug): void {
  const token = tokenOf(job, program, bug);
  if (linesOf(folder, job).some((line) => line.startsWith(token))) return;
  mkdirSync(folder, { recursive: true });
  appendFileSync(fileOf(folder, job), `${token}  # ${bug.title}\n`);
}
