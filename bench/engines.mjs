/**
 * Both exhaustive engines on the same programs, by what they count: docs/engines.md.
 *
 *   npm run docs:engines            write the page; takes minutes
 *   node bench/engines.mjs --short   print the rows that do not take long
 *
 * Counts depend on the program alone, so the page is the same on every machine.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ainc, lastzero, readers, stash } from './programs.mjs';
import { explore, findScenario, findVariant, programOf } from '../dist/index.js';

const PAGE = fileURLToPath(new URL('../docs/engines.md', import.meta.url));
const BEGIN = '<!-- npm run docs:engines writes from here -->';
const END = '<!-- to here -->';
/** An engine that needs more than this is cut off. */
const TRACES_MAX = { literature: 2_000_000, kernel: 300_000 };
const STATES_MAX = 5_000_000;

const kernel = (name, lockref) => {
  const scenario = findScenario(`stash/${name}`);
  return () => programOf(scenario, { variant: findVariant(scenario), lockref });
};

/** Rows: name, program, whether it takes long. */
const ROWS = [
  ['ainc(8)', () => ainc(8), false],
  ['readers(14)', () => readers(14), false],
  ['lastzero(12)', () => lastzero(12), true],
  ['a stash, 2 tasks', () => stash(2), false],
  ['a stash, 3 tasks', () => stash(3), false],
  ['a stash, 4 tasks', () => stash(4), true],
  ...[
    ['P1', 'close-vs-open', false],
    ['P2', 'close-vs-close', false],
    ['P3', 'open-vs-reopen', false],
    ['P4', 'close-vs-close-reopen', false],
    ['P5', 'close-vs-two-opens', true],
    ['P6', 'three-closers', true],
  ].flatMap(([short, name, long]) =>
    ['faithful', 'counter'].map((lockref) => [
      `${short} ${name}, ${lockref}`,
      kernel(name, lockref),
      long,
    ]),
  ),
];

const group = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ',');
const count = ({ complete }, n) => (complete ? group(n) : `> ${group(n)}`);

/** The rows of the table, by the program's name. @param withLong also those that take long */
function rows(withLong) {
  const table = new Map();
  for (const [name, make, long] of ROWS) {
    if (long && !withLong) continue;
    const most = /^P\d/.test(name) ? TRACES_MAX.kernel : TRACES_MAX.literature;
    const options = { minimise: false, budget: { executions: most } };
    const dpor = explore(make(), { ...options, engine: 'dpor' });
    const inStates = { engine: 'states', minimise: false, budget: { executions: STATES_MAX } };
    const states = explore(make(), inStates);
    const every = explore(make(), { ...inStates, freesFirst: false });
    const line = [name, count(dpor, dpor.executions), group(dpor.blocked)];
    line.push(count(states, states.states), count(every, every.states));
    table.set(name, `| ${line.join(' | ')} |`);
  }
  return table;
}

if (process.argv.includes('--short')) {
  for (const row of rows(false).values()) console.log(row);
} else {
  const page = readFileSync(PAGE, 'utf8');
  const table = [
    BEGIN,
    '',
    '| program | traces (`dpor`) | blocked | states | states, every order of freeing |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...rows(true).values(),
    '',
    END,
  ];
  const [before] = page.split(BEGIN);
  const after = page.slice(page.indexOf(END) + END.length);
  writeFileSync(PAGE, `${before}${table.join('\n')}${after}`);
}
