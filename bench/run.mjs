/**
 * How fast the explorer is: executions and states per second of one thread, with the figures of
 * three other checkers beside them. Those were measured elsewhere, on C ports of the same programs
 * on a two-core machine; they are printed for orientation and are not measured here.
 *
 *   npm run bench                 programs of the literature and the kernel's short scenarios
 *   npm run bench -- --engines    both exhaustive engines on every program, side by side
 *   npm run bench -- --workers    one worker against two, see workers.mjs
 *   npm run bench -- --explain    every shipped bug explained, see explain.mjs
 *   npm run bench -- --long       with the scenarios of three tasks, which take minutes
 */

import { explore, findScenario, findVariant, programOf } from '../dist/index.js';
import { explanations } from './explain.mjs';
import { ainc, lastzero, readers, stash } from './programs.mjs';
import { filesystemRates } from './fs.mjs';
import { speedUps } from './workers.mjs';

const PEERS = {
  'ainc(8)': 'GenMC 0.11 --sc: 40,320 in 1.5 s',
  'readers(14)': 'GenMC 0.11 --sc: 16,384 in 0.3 s',
  'lastzero(10)': 'GenMC 0.11 --sc: 3,328',
  'stash(3)': 'Nidhugg optimal: 16,914 in 2.0 s',
  'stash(4)': 'GenMC 0.11 --sc: 357,624 and 863,121 blocked in 24.3 s',
};

const SCENARIOS = [
  ['P1', 'close-vs-open'],
  ['P2', 'close-vs-close'],
  ['P3', 'open-vs-reopen'],
  ['P4', 'close-vs-close-reopen'],
  ['P5', 'close-vs-two-opens'],
  ['P6', 'three-closers'],
];

const engines = process.argv.includes('--engines');
const long = process.argv.includes('--long');
/** What one exploration may take before it is cut off, in seconds. */
const BUDGET = long ? 3600 : 20;
const now = () => performance.now() / 1000;

function kernel([name, scenario], lockref) {
  const found = findScenario(`stash/${scenario}`);
  const program = programOf(found, { variant: findVariant(found), lockref });
  return { ...program, name: `${name} ${scenario} ${lockref}` };
}

const literature = [
  ainc(8),
  readers(14),
  lastzero(10),
  lastzero(11),
  lastzero(12),
  stash(2),
  stash(3),
  stash(4),
];
const scenarios = SCENARIOS.slice(0, long ? 6 : 4).flatMap((scenario) =>
  ['faithful', 'counter'].map((lockref) => kernel(scenario, lockref)),
);

/** Explore and measure. CPU seconds are those of the whole process: on a busy machine they count. */
function measure(program, engine) {
  const before = process.cpuUsage();
  const result = explore(program, { engine, now, budget: { seconds: BUDGET }, minimise: false });
  const { user, system } = process.cpuUsage(before);
  const seconds = (user + system) / 1e6;
  const count = result.engine === 'states' ? result.states : result.executions;
  return { ...result, cpu: seconds, count, rate: Math.round(count / seconds) };
}

const megabytes = () => Math.round(process.resourceUsage().maxRSS / 1024);
const group = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ',');
const cut = ({ complete }) => (complete ? ' ' : '>');

function rates() {
  console.log('one execution per Mazurkiewicz trace (dpor), one thread\n');
  console.log('program                           executions blocked  CPU s       /s  peak MB');
  for (const program of [...literature, ...scenarios]) {
    const run = measure(program, 'dpor');
    console.log(
      program.name.padEnd(31),
      `${cut(run)}${group(run.count)}`.padStart(12),
      group(run.blocked).padStart(7),
      run.cpu.toFixed(2).padStart(6),
      group(run.rate).padStart(8),
      String(megabytes()).padStart(8),
    );
    const peer = PEERS[program.name];
    if (peer !== undefined) console.log(`    measured elsewhere, not here: ${peer}`);
  }
  console.log('\nsearch over states (what a check does first), one thread\n');
  console.log('program                               states   CPU s       /s  peak MB');
  for (const program of [stash(4), ...scenarios]) {
    const run = measure(program, 'states');
    console.log(
      program.name.padEnd(31),
      `${cut(run)}${group(run.count)}`.padStart(12),
      run.cpu.toFixed(2).padStart(7),
      group(run.rate).padStart(8),
      String(megabytes()).padStart(8),
    );
  }
}

function comparison() {
  console.log('                                      dpor           states');
  console.log('program                         executions  CPU s     states  CPU s  fewer seconds');
  for (const program of [...literature, ...scenarios]) {
    const dpor = measure(program, 'dpor');
    const states = measure(program, 'states');
    const winner =
      !dpor.complete && !states.complete
        ? 'neither ended'
        : !states.complete || (dpor.complete && dpor.cpu < states.cpu)
          ? 'dpor'
          : 'states';
    console.log(
      program.name.padEnd(30),
      `${cut(dpor)}${group(dpor.count)}`.padStart(11),
      dpor.cpu.toFixed(2).padStart(6),
      `${cut(states)}${group(states.count)}`.padStart(10),
      states.cpu.toFixed(2).padStart(6),
      ` ${winner}`,
    );
  }
}

const { argv } = process;
if (argv.includes('--explain')) {
  explanations(argv.includes('--only') ? argv[argv.indexOf('--only') + 1] : undefined);
} else if (argv.includes('--workers')) {
  await speedUps(argv.includes('--only') ? argv[argv.indexOf('--only') + 1] : undefined);
} else {
  if (engines) comparison();
  else rates();
  console.log(`\n  > cut off after ${BUDGET} s`);
  console.log('\nfilesystem calls one by one, beside memfs\n');
  filesystemRates();
}
