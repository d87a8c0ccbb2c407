/**
 * How long `dlab check --with FILE --watch` takes to answer a save: from writing the file to the
 * verdict on its output.
 *
 *   node bench/watch.mjs [scenario] [saves]
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const EXAMPLE = fileURLToPath(new URL('../examples/my-stash.ts', import.meta.url));
const scenario = process.argv[2] ?? 'stash/close-vs-open';
const saves = Number(process.argv[3] ?? 20);

const folder = mkdtempSync(join(tmpdir(), 'dlab-bench-'));
const file = join(folder, 'my-stash.ts');
const source = readFileSync(EXAMPLE, 'utf8');
writeFileSync(file, source);
const child = spawn(process.execPath, [MAIN, 'check', scenario, '--with', file, '--watch']);
child.stderr.pipe(process.stderr);

let output = '';
let notify = () => {};
child.stdout.on('data', (data) => {
  output += data;
  notify();
});

/** Wait until the output has a line that fits. */
async function until(pattern) {
  for (;;) {
    const match = pattern.exec(output);
    if (match !== null) return match;
    await new Promise((resolve) => (notify = resolve));
  }
}

/** Processor time of the process so far, in ms, where the system tells. */
function cpuMs() {
  try {
    const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return NaN;
  }
}

const times = [];
await until(/ save 1: /);
const before = cpuMs();
for (let save = 2; save <= saves + 1; save += 1) {
  const start = performance.now();
  writeFileSync(file, `${source}\n// save ${save}\n`);
  await until(new RegExp(`save ${save} of [^]*?\\n {2}. (HOLDS|VIOLATED)`));
  times.push(performance.now() - start);
  await until(new RegExp(` save ${save}: `));
}
const cpu = (cpuMs() - before) / saves;
child.kill('SIGINT');
const code = await new Promise((resolve) => child.on('close', resolve));
rmSync(folder, { recursive: true });
times.sort((a, b) => a - b);
const at = (part) => times[Math.min(times.length - 1, Math.floor(times.length * part))].toFixed(0);
console.log(
  `${scenario}: ${saves} saves, from write to verdict: fastest ${at(0)} ms, median ${at(0.5)} ms, ` +
    `slowest ${at(1)} ms; ${cpu.toFixed(0)} ms of processor time each; exit ${code} after Ctrl-C; load ${loadavg()[0].toFixed(1)}`,
);
