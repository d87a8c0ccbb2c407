/**
 * Looking a patch over before anything runs it: syntax, names, types, tasks that nobody runs.
 *
 * Invariant: what passes loads in every thread; what does not is refused with file, line and caret.
 */

import { UsageError } from '../exit.js';
import type { Job } from '../job.js';
import type { CheckFlags } from '../options.js';
import type { Compiled } from './compile.js';
import { failureOf, isThrownBy, loadPatch } from './load.js';
import { frameOf, type Problem } from './problem.js';

/** Compile a patch file. @throws UsageError */
export async function compiledOf(path: string): Promise<Compiled> {
  // The compiler is large: it is loaded only if there is something to compile.
  const { PatchFolder } = await import('./compile.js');
  return new PatchFolder().compile(path);
}

/** Jobs with the patch that flags name, if any, compiled and looked over. @throws UsageError */
export async function withPatch(
  jobs: readonly Job[],
  { with: path, typecheck = true }: Pick<CheckFlags, 'with' | 'typecheck'>,
): Promise<Job[]> {
  if (path === undefined) return [...jobs];
  const compiled = await compiledOf(path);
  await loadPatch(path, compiled);
  if (typecheck) {
    const { TypeChecker } = await import('./typecheck.js');
    const problems = new TypeChecker(path).check();
    if (problems.length > 0) throw new UsageError(textOf(problems));
  }
  return jobs.map((job) => ({ ...job, compiled }));
}

/** What is wrong with a patch, as text. */
export function textOf(problems: readonly Problem[], colour = false): string {
  const count = problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`;
  const frames = problems.map((problem) => frameOf(problem, colour));
  return [
    `${count} in ${problems[0].file}`,
    ...frames,
    '(--no-typecheck runs it without looking at types)',
  ].join('\n\n');
}

/** Run something that runs a job's patch. An error that the patch throws is the user's to mend. */
export async function blamingPatch<T>(job: Job, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const { patch, compiled } = job;
    if (compiled === null || !isThrownBy(compiled, error as Error)) throw error;
    throw failureOf(patch!, error as Error, 'throws when it runs');
  }
}
