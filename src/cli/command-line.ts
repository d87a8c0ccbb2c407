/**
 * The verbs of dlab: their options, what their help says, and with which code a run ends.
 *
 * Invariant: every line under "Examples:" is run by a test and exits as it says, with 0 if it says
 * nothing. Nothing happens at import, so that a command line can be run in any process.
 */

import { Command } from 'commander';
import { check } from './check.js';
import { demo } from './demo.js';
import { completionScript, completions, COMPLETE, SHELLS } from './completion.js';
import { EXIT } from './exit.js';
import { tellFailure } from './failure.js';
import { lesson, type LessonFlags } from './lesson.js';
import { list, LISTS } from './list.js';
import { matrix } from './matrix.js';
import { create } from './new.js';
import type { CheckFlags } from './options.js';
import { patch } from './patch/command.js';
import { play, type PlayFlags } from './play/play.js';
import { VERSION } from './report.js';
import { merge } from './shard.js';
import { show, type ShowFlags } from './show.js';

/** Told the exit code as soon as it is known, and again if it changes. */
type Done = (code: number) => void;

/**
 * Run one command line.
 * @param words what follows `dlab`
 * @param onCode told the code that the process would exit with if it ended now
 * @returns the exit code
 */
export async function run(
  words: readonly string[],
  onCode: Done = () => undefined,
): Promise<number> {
  let code: number = EXIT.HOLDS;
  const done: Done = (known) => {
    code = known;
    onCode(known);
  };
  try {
    await commandLine(done).parseAsync([...words], { from: 'user' });
  } catch (error) {
    done(tellFailure(error, words));
  }
  return code;
}

function look(command: Command): Command {
  return command
    .option('--ascii', 'no characters beyond ASCII')
    .option('--width <columns>', 'width of the output (default: the terminal, or 80)')
    .option('--no-color', 'no colours; NO_COLOR does the same')
    .option('-v, --verbose', 'show every operation');
}

function scope(command: Command): Command {
  return command
    .option('--lockref <model>', 'faithful, counter or spinlock')
    .option('--rcu <level>', 'abstract, fifo (callbacks of a CPU in order) or tree')
    .option('--fs <name>', 'nsfs or pidfs')
    .option('--reuse <policy>', 'freed memory comes back: never, lifo or explore')
    .option('--fail-alloc', 'let one allocation fail, whichever')
    .option('--engine <name>', 'dpor (one run per class of equal runs) or states')
    .option('--budget <limit>', 'stop after a time (30s, 2m) or executions (500k)')
    .option('-j, --jobs <n>', 'threads (default: as many as processors)')
    .option('--json', 'one JSON object per scenario');
}

/** The verb's examples; the comment of a line says its exit code unless that is 0. */
function examples(command: Command, ...lines: readonly string[]): Command {
  const width = Math.max(...lines.map((line) => line.split('  #')[0].length));
  const rows = lines.map((line) => {
    const [words, comment] = line.split('  #') as [string, string?];
    return `  ${comment === undefined ? words : `${words.padEnd(width)}  #${comment}`}`;
  });
  return command.addHelpText('after', `\nExamples:\n${rows.join('\n')}`);
}

const START = `
Begin here:
  dlab demo                  a real bug, found, shown and proved fixed
  dlab lesson 1              what all of this is about, in ten short lessons
  dlab check --help          examples of what most is done with

Exit codes:
  0 HOLDS   1 VIOLATED   2 usage   3 INCOMPLETE   4 DIVERGED   5 VACUOUS
  70 a bug in dlab   74 the output could not be written
  130 interrupted   143 terminated`;

/** All verbs. */
function commandLine(done: Done): Command {
  const program = new Command('dlab')
    .description('The Linux dcache, run through every interleaving.')
    .version(VERSION)
    .exitOverride()
    // Errors are told in one place, and all end alike.
    .configureOutput({ outputError: () => undefined })
    .addHelpText('after', START);
  examples(
    look(program.command('demo')).description('find a real bug, see it, and prove its fix'),
    'dlab demo',
  ).action(async (flags: CheckFlags) => done(await demo(flags)));
  examples(
    look(program.command('lesson'))
      .description('ten short lessons, from a dentry to a CVE')
      .argument('[number]', 'which one (default: a list)')
      .option('--answer <text>', 'answer the question at its end'),
    'dlab lesson',
    'dlab lesson 2',
    'dlab lesson 2 --answer HOLDS  # exit 1: wrong',
  ).action(async (number: string | undefined, flags: LessonFlags) =>
    done(await lesson(number, flags, run)),
  );
  examples(
    look(scope(program.command('check')))
      .description('explore every interleaving of scenarios')
      .argument('<scenario...>', 'names, a prefix that ends in /, or all')
      .option('--variant <name>', 'which kernel (default: the newest)')
      .option('--with <file>', 'replace kernel functions by the exports of a .ts or .js file')
      .option('--no-typecheck', 'run the file of --with without looking at its types')
      .option('-w, --watch', 'check again whenever the file of --with is saved')
      .option('--random <seed>', 'sample schedules instead; proves nothing')
      .option('--pct <seed>', 'sample by PCT instead; proves nothing')
      .option('--bound <n>', 'only executions with at most n preemptions; proves nothing more')
      .option('--liveness', 'look for livelocks, bound retries, say who waits for whom')
      .option('--symmetry', 'explore tasks that do the same up to renaming; says so')
      .option('--keep-going', 'find every bug, not the first')
      .option('--corpus <folder>', 'keep failing tokens there (default: .dlab/corpus if it exists)')
      .option(
        '-f, --format <name>',
        'ladder, lanes, splat, ftrace, json, jsonl, junit, sarif, perfetto, dot or hb',
      )
      .option('--checkpoint <file>', 'save progress there, to go on later')
      .option('--checkpoint-every <time>', 'how often (default 30s)')
      .option('--resume <file>', 'go on with what was saved there')
      .option('--shard <i/n>', 'explore only the i-th of n parts')
      .option('--out <file>', 'write the result there, for dlab merge'),
    'dlab check stash/open-vs-reopen  # the newest kernel: HOLDS',
    'dlab check stash/open-vs-reopen --lockref counter',
    'dlab check stash/close-vs-open --variant v6.9  # exit 1: VIOLATED',
    'dlab check stash/open-vs-reopen --with examples/my-stash.ts',
    'dlab check stash/three-closers --random 1 --budget 50  # exit 3: INCOMPLETE',
    'dlab check lesson/counter lesson/rcu --json',
  )
    .addHelpText(
      'after',
      `
Of several verdicts, the exit code is that of the worst: dlab --help lists them.
With --with it is 5 instead of 0 if no run of any of the scenarios calls the patch.`,
    )
    .action(async (names: string[], flags: CheckFlags) => done(await check(names, flags, done)));
  examples(
    look(program.command('merge'))
      .description('one verdict from the results of all shards')
      .argument('<file...>', 'what dlab check --shard i/n --out wrote')
      .option('--json', 'as a JSON object'),
    'dlab check lesson/last-put --shard 1/2 --out 1.json',
    'dlab check lesson/last-put --shard 2/2 --out 2.json',
    'dlab merge 1.json 2.json  # HOLDS',
  ).action(async (files: string[], flags: CheckFlags) => done(await merge(files, flags)));
  examples(
    program
      .command('list')
      .description('what there is to check, and on what')
      .argument('[what]', LISTS.join(', '))
      .option('--json', 'as JSON'),
    'dlab list',
    'dlab list functions',
    'dlab list scenarios --json',
  ).action((what: string | undefined, flags: { json?: boolean }) =>
    done(list(what, flags.json ?? false)),
  );
  examples(
    look(program.command('show'))
      .description('replay one interleaving')
      .argument('<token>', 'as printed by check; or a scenario: its tasks one after the other')
      .option('--with <file>', 'the patch file that the token was made with')
      .option(
        '-f, --format <name>',
        'ladder, lanes, splat, ftrace, json, jsonl, perfetto, dot or hb',
      )
      .option('--at <step>', 'all objects after that step; with --format dot, as a graph')
      .option('--object <name>', 'with --at: only this object')
      .option('--variant <name>', 'replay on another kernel than the token was made on')
      .option('--json', 'the whole trace with snapshots, as JSON')
      .option('--log', "the kernel's log, as JSON lines"),
    'dlab show lesson/counter  # its tasks in turn',
    'dlab show dlab1/lesson.counter@plain/a.bx2.a~dum6~dik5  # exit 1: it fails',
    'dlab show dlab1/lesson.counter@plain/a.bx2.a~dum6~dik5 --variant atomic  # exit 4: DIVERGED',
    'dlab show lesson/dentry --at 43 --object dentry#2',
  )
    .addHelpText(
      'after',
      '\nExit codes: 1 if it still fails, 0 if not, 4 DIVERGED if it no longer fits.',
    )
    .action(async (token: string, flags: ShowFlags) => done(await show(token, flags)));
  examples(
    look(scope(program.command('patch')))
      .description('what a patch changes, in every scenario that calls it')
      .argument('<file>', 'a .ts or .js file that exports kernel functions')
      .argument('[scenario...]', 'names, or a prefix that ends in / (default: all)')
      .option('--variant <name>', 'which kernel, where a scenario has it (default: the newest)')
      .option('-w, --watch', 'answer every save of the file')
      .option('--no-typecheck', 'run the file without looking at its types'),
    'dlab patch examples/my-stash.ts stash/close-vs-open stash/close-vs-close',
    'dlab patch examples/my-stash.ts race/m02-take-over-by-store  # exit 1: newly violated',
  )
    .addHelpText(
      'after',
      `
The budget is for each scenario, without the patch and with it (default 10s).

Exit codes: 0 nothing got worse, 1 newly violated, 2 usage, 3 INCOMPLETE,
5 no scenario calls it.`,
    )
    .action(async (file: string, names: string[], flags: CheckFlags) =>
      done(await patch(file, names, flags)),
    );
  program
    .command('new')
    .description('a file to begin a patch with')
    .argument('<what>', 'variant')
    .argument('<name>', 'the file is NAME.ts, in this folder')
    .addHelpText('after', '\nExample:\n  dlab new variant my-stash && dlab patch my-stash.ts')
    .action((what: string, name: string) => done(create(what, name)));
  examples(
    look(program.command('play'))
      .description('be the scheduler: choose which CPU goes next')
      .argument('[scenario]', 'which; not needed with --from')
      .option('--variant <name>', 'which kernel (default: the newest)')
      .option('--with <file>', 'replace kernel functions by the exports of a .ts or .js file')
      .option('--lockref <model>', 'faithful, counter or spinlock')
      .option('--fs <name>', 'nsfs or pidfs')
      .option('--reuse <policy>', 'freed memory comes back: never, lifo or explore')
      .option('--fail-alloc', 'let one allocation fail, whichever')
      .option('--budget <limit>', 'how long to look for the bug before (default 20s)')
      .option('--from <token>', 'begin after the steps of a token')
      .option('--lines', 'commands by lines, in a terminal too; help shows them'),
    'dlab play race/b29-lost-waiter --variant buggy',
    "printf '0x9\\nhint\\n' | dlab play stash/close-vs-open --variant v6.9",
  )
    .addHelpText(
      'after',
      '\nExit codes: 1 if the interleaving that you leave fails, 0 if not, 4 DIVERGED.',
    )
    .action(async (scenario: string | undefined, flags: PlayFlags) =>
      done(await play(scenario, flags)),
    );
  examples(
    scope(program.command('matrix'))
      .description('every variant against every scenario')
      .argument('<suite>', 'stash, races')
      .option('--variant <text>', 'only variants whose name contains this')
      .option('--scenario <text>', 'only scenarios whose name contains this'),
    'dlab matrix races --scenario b29',
    'dlab matrix stash --scenario reap --variant v6',
  ).action(async (suite: string, flags: CheckFlags) => done(await matrix(suite, flags)));
  examples(
    program
      .command('completion')
      .description('a script that makes a shell complete the words of dlab')
      .argument('<shell>', SHELLS.join(', ')),
    'dlab completion bash',
    'dlab completion zsh',
    'dlab completion fish',
  ).action((shell: string) => {
    console.log(completionScript(shell));
  });
  program
    .command(COMPLETE, { hidden: true })
    .argument('[word...]')
    .action((words: string[]) => {
      for (const word of completions(program, words)) console.log(word);
    });
  return program;
}
