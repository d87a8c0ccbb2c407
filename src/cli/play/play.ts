/** `dlab play`: be the scheduler. */

import { explore, replay, type Program, type Schedule } from '../../explore/index.js';
import { decodeToken, SCENARIOS, tokenOfRun, variantsOf } from '../../scenario/index.js';
import { EXIT, UsageError } from '../exit.js';
import { programOfJob, type Job } from '../job.js';
import { jobsOf, lookOf, type CheckFlags } from '../options.js';
import { compiledOf } from '../patch/vet.js';
import { paletteOf } from '../report.js';
import { Game, type Goal } from './game.js';
import { playLines } from './lines.js';
import { farewell, playKeys } from './terminal.js';
import type { View } from './view.js';

export interface PlayFlags extends CheckFlags {
  /** A token to begin after. */
  readonly from?: string;
  /** Read lines from a terminal too. */
  readonly lines?: boolean;
}

const SECONDS = 20;
const WIDTH_LEAST = 60;

/**
 * @param name the scenario; undefined if the token says it
 * @returns 1 if the interleaving that was left fails, 0 if not, 4 if the token does not fit
 */
export async function play(name: string | undefined, flags: PlayFlags): Promise<number> {
  const { job, schedule } = await begin(name, flags);
  const program = await programOfJob(job);
  const { diverged } = replay(program, schedule);
  if (diverged !== null) {
    const where = `step ${diverged.step} of ${schedule.length}: ${diverged.reason}`;
    console.log(
      `  DIVERGED  ${job.scenario} @ ${job.variant}\n    ${where}\n    dlab show ${flags.from}`,
    );
    return EXIT.DIVERGED;
  }
  const game = new Game(program, goalOf(program, job), schedule, lookOf(flags).ascii);
  const token = (): string =>
    tokenOfRun(program, { ...job, patched: job.patch !== null, schedule: game.schedule });
  const patch = job.patch === null ? '' : ` with ${job.patch}`;
  const heading = `${job.scenario} @ ${job.variant}${patch}, lockref ${job.lockref}`;
  const view = (): View => {
    const look = lookOf(flags);
    return { ...look, width: Math.max(WIDTH_LEAST, look.width), palette: paletteOf(look) };
  };
  const { stdin, stdout } = process;
  const byKeys =
    stdin.isTTY && stdout.isTTY && flags.lines !== true && process.env['TERM'] !== 'dumb';
  if (byKeys) {
    const code = await playKeys({ game, heading, stdin, stdout, view, token });
    console.log(farewell(game, view(), token()));
    if (code !== null) return code;
  } else {
    await playLines({
      game,
      heading,
      view: view(),
      input: stdin,
      isTyped: stdin.isTTY,
      print: (text) => console.log(text),
      complain: (text) => console.error(`dlab: ${text}`),
      token,
    });
    console.log(`  dlab play --from ${token()}`);
  }
  return game.failure === null ? EXIT.HOLDS : EXIT.VIOLATED;
}

async function begin(
  name: string | undefined,
  flags: PlayFlags,
): Promise<{ job: Job; schedule: Schedule }> {
  const compiled = flags.with === undefined ? null : await compiledOf(flags.with);
  if (flags.from === undefined) {
    if (name === undefined) {
      throw new UsageError('name a scenario, or --from a token. See: dlab list scenarios');
    }
    const jobs = jobsOf([name], flags);
    if (jobs.length !== 1) throw new UsageError(`'${name}' names several scenarios: name one`);
    return { job: { ...jobs[0], compiled }, schedule: [] };
  }
  const { schedule, patched, ...content } = decodeToken(
    flags.from,
    SCENARIOS.map((scenario) => scenario.name),
    variantsOf(SCENARIOS).map((variant) => variant.name),
  );
  if (name !== undefined && name !== content.scenario) {
    throw new UsageError(`the token is of ${content.scenario}, not of ${name}: leave one out`);
  }
  if (patched !== (flags.with !== undefined)) {
    throw new UsageError(
      patched
        ? 'the token was made with a patch file: give it again, --with FILE.ts'
        : 'the token was made without a patch file: leave --with out',
    );
  }
  const own = ['variant', 'lockref', 'fs', 'reuse', 'failAlloc'].find((option) => option in flags);
  if (own !== undefined) {
    throw new UsageError('the token says the variant and the options: leave them out');
  }
  const [job] = jobsOf([content.scenario], { ...flags, variant: content.variant });
  return { job: { ...job, ...content, compiled }, schedule };
}

/** Look for something to find. */
function goalOf(program: Program, { seconds, executions }: Job): Goal {
  const { bugs, complete } = explore(program, {
    minimise: false,
    now: () => performance.now() / 1000,
    budget: {
      ...(executions === null ? { seconds: seconds ?? SECONDS } : { executions }),
    },
  });
  // A state without end is no place to get to.
  const bug = bugs.find(({ kind }) => kind !== 'livelock') ?? null;
  return { bug, complete };
}
