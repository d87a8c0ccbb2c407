/**
 * How fast exploring is against another commit: executions and states per CPU second on the stash's
 * programs P1 to P6. The other commit is built in a work tree of its own, which is removed at the end.
 * Both take turns, each in a process of its own; what is printed is the best rate of each, since what
 * else the machine does only ever takes away.
 *
 *   npm run bench:against -- COMMIT                      this build against COMMIT
 *   npm run bench:against -- COMMIT OTHER                OTHER against COMMIT
 *   npm run bench:against -- COMMIT --rounds 5 --seconds 10
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = resolve(fileURLToPath(new URL('..', import.meta.url)));
const PROGRAMS = {
  P1: 'close-vs-open',
  P2: 'close-vs-close',
  P3: 'open-vs-reopen',
  P4: 'close-vs-close-reopen',
  P5: 'close-vs-two-opens',
  P6: 'three-closers',
};
const ENGINES = ['dpor', 'states'];

/** Executions or states per CPU second of one build, which is given by its folder. */
async function measure(root, seconds) {
  const api = await import(pathToFileURL(join(root, 'dist/index.js')).href);
  const rates = {};
  for (const [name, scenario] of Object.entries(PROGRAMS)) {
    for (const engine of ENGINES) {
      const found = api.findScenario(`stash/${scenario}`);
      const program = api.programOf(found, { variant: api.findVariant(found, 'v7.3') });
      const before = process.cpuUsage();
      const options = { engine, budget: { seconds }, minimise: false };
      const result = api.explore(program, { ...options, now: () => performance.now() / 1000 });
      const { user, system } = process.cpuUsage(before);
      const count = engine === 'states' ? result.states : result.executions;
      const cpu = (user + system) / 1e6;
      rates[`${name} ${engine}`] = { count, rate: count / cpu, cpu, complete: result.complete };
    }
  }
  return rates;
}

function measureApart(root, seconds) {
  const args = [fileURLToPath(import.meta.url), '--measure', root, '--seconds', String(seconds)];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the build in ${root} cannot be measured:\n${stderr}`);
  return JSON.parse(stdout);
}

function build(commit) {
  const folder = mkdtempSync(join(tmpdir(), 'dentrylab-against-'));
  const tree = join(folder, 'tree');
  execFileSync('git', ['worktree', 'add', '--detach', '--quiet', tree, commit], { cwd: ROOT });
  const remove = () => {
    execFileSync('git', ['worktree', 'remove', '--force', tree], { cwd: ROOT });
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: tree });
  } catch (error) {
    remove();
    throw new Error(`${commit} does not build:\n${error.stdout ?? error}`, { cause: error });
  }
  return { tree, remove };
}

const group = (n) => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ',');

function compare(commit, other, rounds, seconds) {
  const trees = [build(commit)];
  const runs = [[], []];
  try {
    if (other !== undefined) trees.push(build(other));
    const roots = [trees[0].tree, trees[1]?.tree ?? ROOT];
    for (let round = 0; round < rounds; round += 1) {
      for (const [i, root] of roots.entries()) runs[i].push(measureApart(root, seconds));
    }
  } finally {
    for (const { remove } of trees) remove();
  }
  const names = [commit, other ?? 'here'];
  console.log(
    `per CPU second, best of ${rounds} runs of up to ${seconds} s: ${names.join(', and ')}`,
  );
  console.log(
    '\nprogram        executions or states    rate there and here  share   CPU s of a whole one',
  );
  for (const key of Object.keys(runs[0][0])) {
    const rates = runs.map((all) => Math.max(...all.map((run) => run[key].rate)));
    const counts = runs.map((all) => group(Math.max(...all.map((run) => run[key].count))));
    const whole = runs.map((all) => {
      const ended = all.filter((run) => run[key].complete);
      return ended.length === 0 ? '-' : Math.min(...ended.map((run) => run[key].cpu)).toFixed(2);
    });
    console.log(
      key.padEnd(10),
      counts.join(' -> ').padStart(24),
      rates.map(group).join(' -> ').padStart(22),
      (rates[1] / rates[0]).toFixed(2).padStart(6),
      whole.join(' -> ').padStart(22),
    );
  }
}

const { argv } = process;
const option = (name, fallback) =>
  argv.includes(name) ? Number(argv[argv.indexOf(name) + 1]) : fallback;
const seconds = option('--seconds', 5);
if (argv.includes('--measure')) {
  console.log(JSON.stringify(await measure(argv[argv.indexOf('--measure') + 1], seconds)));
} else if (argv[2] === undefined || argv[2].startsWith('-')) {
  console.error('which commit? npm run bench:against -- COMMIT');
  process.exitCode = 2;
} else {
  const other = argv[3]?.startsWith('-') === false ? argv[3] : undefined;
  try {
    compare(argv[2], other, option('--rounds', 3), seconds);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
