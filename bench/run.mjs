/**
 * Executions per second of the exhaustive explorer, with the figures of two C and C++ checkers
 * beside it. Those were measured elsewhere, on a two-core machine, on C ports of the same programs;
 * they are printed for orientation and are not measured here.
 */

import { explore, findScenario, findVariant, programOf } from '../dist/index.js';
import { ainc, lastzero, readers, stash } from './programs.mjs';

const PEERS = {
  'ainc(8)': 'GenMC 0.11 --sc: 40,320 in 1.5 s',
  'readers(14)': 'GenMC 0.11 --sc: 16,384 in 0.3 s',
  'lastzero(10)': 'GenMC 0.11 --sc: 3,328',
  'stash(3)': 'Nidhugg optimal: 16,914 traces in 2.0 s, retries cut off',
};

const LONG = process.argv.includes('--long');

function kernel(name, lockref) {
  const scenario = findScenario(name);
  const program = programOf(scenario, { variant: findVariant(scenario, 'v6.11'), lockref });
  return { ...program, name: `${name} ${lockref}` };
}

const programs = [
  ainc(8),
  readers(14),
  lastzero(10),
  stash(2),
  stash(3),
  kernel('stash/close-vs-open', 'faithful'),
  kernel('stash/close-vs-open', 'counter'),
  kernel('stash/close-vs-close', 'faithful'),
  kernel('stash/close-vs-close', 'counter'),
  ...(LONG ? [kernel('stash/close-vs-two-opens', 'faithful')] : []),
];

const now = () => performance.now() / 1000;
console.log('program                          executions  blocked   seconds      /s   peak MB');
for (const program of programs) {
  const result = explore(program, { engine: 'dpor', now });
  const rate = Math.round(result.executions / result.seconds);
  console.log(
    program.name.padEnd(32),
    String(result.executions).padStart(10),
    String(result.blocked).padStart(8),
    result.seconds.toFixed(3).padStart(9),
    String(rate).padStart(7),
    String(Math.round(process.resourceUsage().maxRSS / 1024)).padStart(9),
    PEERS[program.name] === undefined ? '' : `  [${PEERS[program.name]}]`,
  );
}
