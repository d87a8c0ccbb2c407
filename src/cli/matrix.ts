/** `dlab matrix`: every variant against every scenario, under both lockref models. */

import { SCENARIOS, variantsOf } from '../scenario/index.js';
import type { ExploreResult } from '../explore/index.js';
import type { LockrefModel } from '../lockref/index.js';
import { EXIT, UsageError } from './exit.js';
import { chosenOf, jobsOf, lockrefOf, type CheckFlags } from './options.js';
import { jsonOf } from './report.js';
import { matrixRaces } from './matrix-races.js';
import { group } from './progress.js';
import { runInWorker } from './runner.js';

const CELL_BUDGET = '60s';
const NAME_WIDTH = 24;

/** Print the table, row by row as it becomes known. @returns the exit code */
export async function matrix(suite: string, flags: CheckFlags): Promise<number> {
  if (suite === 'races') return matrixRaces(flags);
  const suiteOf = SCENARIOS.filter(({ name }) => name.startsWith(`${suite}/`));
  if (suiteOf.length === 0)
    throw new UsageError(
      `there is no matrix '${suite}'; try: dlab matrix stash, dlab matrix races`,
    );
  const scenarios = chosenOf(suiteOf, flags);
  const variants = variantsOf(scenarios).filter(({ name }) => name.includes(flags.variant ?? ''));
  if (variants.length === 0)
    throw new UsageError(`no variant's name contains '${flags.variant}'; see: dlab list variants`);
  const models: LockrefModel[] =
    flags.lockref === undefined ? ['faithful', 'counter'] : [lockrefOf(flags.lockref)];
  const titles: string[] = [];
  for (const lockref of models) {
    if (flags.json !== true) {
      console.log(
        `lockref ${lockref}: states, or interleavings up to equivalence (engine dpor), or the bug\n`,
      );
      scenarios.forEach(({ name, title }, i) => console.log(`  P${i + 1} ${name}: ${title}`));
      console.log(
        `\n${''.padEnd(NAME_WIDTH)}${scenarios.map((_, i) => `P${i + 1}`.padStart(8)).join('')}`,
      );
    }
    for (const variant of variants) {
      if (flags.json !== true)
        process.stdout.write(variant.name.replace('mutation/', '').padEnd(NAME_WIDTH));
      for (const scenario of scenarios) {
        const [job] = jobsOf([scenario.name], {
          ...flags,
          variant: variant.name,
          lockref,
          budget: flags.budget ?? CELL_BUDGET,
        });
        const { result, interrupted } = await runInWorker(job);
        if (flags.json === true) console.log(JSON.stringify(await jsonOf(job, result)));
        else process.stdout.write(cellOf(result, titles).padStart(8));
        if (interrupted) return EXIT.interrupted;
      }
      if (flags.json !== true) console.log('');
    }
    if (flags.json !== true) console.log('');
  }
  if (flags.json !== true) {
    console.log(`  a number: HOLDS, so many; >number: INCOMPLETE after so many; Bn: VIOLATED by\n`);
    titles.forEach((title, i) => console.log(`  B${i + 1}  ${title}`));
  }
  return EXIT.HOLDS;
}

function cellOf(result: ExploreResult, titles: string[]): string {
  if (result.verdict === 'VIOLATED') {
    const { title } = result.bugs[0];
    if (!titles.includes(title)) titles.push(title);
    return `B${titles.indexOf(title) + 1}`;
  }
  const covered = result.engine === 'states' ? result.states : result.executions;
  const count = covered < 1e5 ? String(covered) : `${group(Math.round(covered / 1e3))}k`;
  return result.verdict === 'INCOMPLETE' ? `>${count}` : count;
}
