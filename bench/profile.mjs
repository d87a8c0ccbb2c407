/**
 * Where the time of an exploration goes: the functions with the largest share of samples, by V8's
 * own profiler, and what the garbage collector took.
 *
 *   npm run profile                      ainc(9), one execution per trace
 *   npm run profile -- stash dpor        the peers' stash, four tasks
 *   npm run profile -- P2 states         a kernel scenario, search over states
 */

import { Session } from 'node:inspector/promises';
import { explore, findScenario, findVariant, programOf } from '../dist/index.js';
import { ainc, readers, stash } from './programs.mjs';

function kernel(name) {
  const scenario = findScenario(`stash/${name}`);
  return programOf(scenario, { variant: findVariant(scenario) });
}

const PROGRAMS = {
  ainc: () => ainc(9),
  readers: () => readers(16),
  stash: () => stash(4),
  P2: () => kernel('close-vs-close'),
  P4: () => kernel('close-vs-close-reopen'),
  P5: () => kernel('close-vs-two-opens'),
  P6: () => kernel('three-closers'),
};

const [name = 'ainc', engine = 'dpor'] = process.argv.slice(2);
const make = PROGRAMS[name];
if (make === undefined || !['dpor', 'states'].includes(engine)) {
  console.error(`usage: npm run profile -- ${Object.keys(PROGRAMS).join('|')} dpor|states`);
  process.exit(2);
}

const program = make();
const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.start');
const now = () => performance.now() / 1000;
const result = explore(program, { engine, now, budget: { seconds: 30 }, minimise: false });
const { profile } = await session.post('Profiler.stop');

const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
const self = new Map();
let total = 0;
for (const [i, id] of profile.samples.entries()) {
  const { functionName, url } = nodes.get(id).callFrame;
  const file = url.split('/dist/').at(-1);
  const place = `${functionName || '(top level)'}${file === '' ? '' : `  ${file}`}`;
  self.set(place, (self.get(place) ?? 0) + profile.timeDeltas[i]);
  total += profile.timeDeltas[i];
}
const count = engine === 'dpor' ? `${result.executions} executions` : `${result.states} states`;
console.log(`${program.name}, ${engine}: ${count}, ${result.steps} steps\n`);
for (const [place, time] of [...self].sort((a, b) => b[1] - a[1]).slice(0, 16)) {
  console.log(`${((100 * time) / total).toFixed(1).padStart(6)} %  ${place}`);
}
