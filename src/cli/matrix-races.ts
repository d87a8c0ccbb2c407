/**
 * `dlab matrix races`: each race of the catalogue found in its buggy kernel and proved absent in
 * the repaired one, beside those that the machine cannot show.
 */

import { SCENARIOS, WEAK_MEMORY_RACES, type Scenario } from '../scenario/index.js';
import type { ExploreResult } from '../explore/index.js';
import { EXIT } from './exit.js';
import { chosenOf, jobsOf, type CheckFlags } from './options.js';
import { group } from './progress.js';
import { jsonOf } from './report.js';
import { runInWorker } from './runner.js';

const CELL_BUDGET = '60s';

/**
 * Print the table, row by row as it becomes known.
 * @returns the exit code: 0 if every race is found as recorded and every repair proved
 */
export async function matrixRaces(flags: CheckFlags): Promise<number> {
  const races = chosenOf(
    SCENARIOS.filter(({ history }) => history !== undefined),
    flags,
  );
  const width = Math.max(...races.map(({ name }) => name.length)) + 2;
  const json = flags.json === true;
  if (!json) {
    const head = ['steps', 'switches', 'states'].map((text) => text.padStart(10)).join('');
    console.log(`${'race'.padEnd(width)}year${head}  found in buggy; states: proved in fixed`);
  }
  let asRecorded = true;
  for (const scenario of races) {
    const results: ExploreResult[] = [];
    for (const variant of ['buggy', 'fixed']) {
      const budget = flags.budget ?? CELL_BUDGET;
      const [job] = jobsOf([scenario.name], { ...flags, variant, budget });
      const { result, interrupted } = await runInWorker(job);
      if (interrupted) return EXIT.interrupted;
      if (json) console.log(JSON.stringify(await jsonOf(job, result)));
      results.push(result);
    }
    const [buggy, fixed] = results as [ExploreResult, ExploreResult];
    const isRecorded = fixed.verdict === 'HOLDS' && isAsRecorded(scenario, buggy);
    asRecorded &&= isRecorded;
    if (!json) console.log(row(scenario, width, buggy, fixed) + (isRecorded ? '' : '  (!)'));
  }
  if (!json && flags.scenario === undefined) {
    console.log('\nneeds weak memory, not shown here:');
    for (const { id, title } of WEAK_MEMORY_RACES) console.log(`  ${id}  ${title}`);
  }
  return asRecorded ? EXIT.HOLDS : EXIT.VIOLATED;
}

function isAsRecorded({ history }: Scenario, { bugs }: ExploreResult): boolean {
  const [bug] = bugs;
  return (
    bugs.length > 0 &&
    bug.title === history!.expect &&
    bug.steps === history!.witness.steps &&
    bug.switches === history!.witness.switches
  );
}

function row(
  { name, history }: Scenario,
  width: number,
  buggy: ExploreResult,
  fixed: ExploreResult,
): string {
  const [bug] = buggy.bugs;
  const found = buggy.bugs.length > 0 ? [bug.steps, bug.switches] : ['-', '-'];
  const proved = fixed.verdict === 'HOLDS' ? group(fixed.states) : fixed.verdict;
  const cells = [...found, proved].map((cell) => String(cell).padStart(10)).join('');
  const title = buggy.bugs.length > 0 ? bug.title : buggy.verdict;
  return `${name.padEnd(width)}${history!.year}${cells}  ${title}`;
}
