/**
 * Calls per second of CPU time in the direct build, with memfs making the same calls beside it, and
 * the memory of many small files.
 *
 *   npm run bench:fs      alone; npm run bench prints it, too
 *
 * Each row is measured in rounds, both sides in turn, and shows the medians: what else the machine
 * does then falls on both.
 */

import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { memfs } from 'memfs';
import { createKernel, O } from '../dist/fs/index.js';

const FILES = 100_000;
const ROUNDS = 9;

/** Calls per second of CPU time of the whole process, so collecting garbage counts. */
function rate(body, count) {
  const before = process.cpuUsage();
  for (let i = 0; i < count; i += 1) body(i);
  const { user, system } = process.cpuUsage(before);
  return (count / (user + system)) * 1e6;
}

function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

function ours() {
  const { init } = createKernel({ files: { '/a/b/f': 'x', '/d/': '' } });
  const page = new Uint8Array(4096).fill(120);
  const fd = init.openSync('/a/b/h', O.CREAT | O.RDWR);
  for (let i = 0; i < 1000; i += 1) init.closeSync(init.openSync(`/d/f${i}`, O.CREAT));
  let flip = false;
  return {
    'open + close': () => init.closeSync(init.openSync('/a/b/f')),
    stat: () => init.statSync('/a/b/f'),
    'create + unlink': () => {
      init.closeSync(init.openSync('/a/b/g', O.CREAT | O.WRONLY));
      init.unlinkSync('/a/b/g');
    },
    'write + read 4 KB': () => {
      init.pwriteSync(fd, page, 0);
      init.readIntoSync(fd, page, 0, 4096, 0);
    },
    'readdir of 1,000': () => {
      const dir = init.openSync('/d');
      init.getdentsSync(dir);
      init.closeSync(dir);
    },
    rename: () => {
      flip = !flip;
      init.renameSync(flip ? '/a/b/f' : '/a/b/f2', flip ? '/a/b/f2' : '/a/b/f');
    },
  };
}

function theirs() {
  const { fs } = memfs({ '/a/b/f': 'x' });
  fs.mkdirSync('/d');
  const page = Buffer.alloc(4096, 'x');
  const fd = fs.openSync('/a/b/h', 'w+');
  for (let i = 0; i < 1000; i += 1) fs.writeFileSync(`/d/f${i}`, '');
  let flip = false;
  return {
    'open + close': () => fs.closeSync(fs.openSync('/a/b/f', 'r')),
    stat: () => fs.statSync('/a/b/f'),
    'create + unlink': () => {
      fs.closeSync(fs.openSync('/a/b/g', 'w'));
      fs.unlinkSync('/a/b/g');
    },
    'write + read 4 KB': () => {
      fs.writeSync(fd, page, 0, 4096, 0);
      fs.readSync(fd, page, 0, 4096, 0);
    },
    'readdir of 1,000': () => fs.readdirSync('/d'),
    rename: () => {
      flip = !flip;
      fs.renameSync(flip ? '/a/b/f' : '/a/b/f2', flip ? '/a/b/f2' : '/a/b/f');
    },
  };
}

const COUNTS = { 'readdir of 1,000': 500 };

function rates() {
  console.log(
    'call                   dentrylab/s      memfs/s    ratio   lowest and highest of a round',
  );
  const [mine, other] = [ours(), theirs()];
  for (const name of Object.keys(mine)) {
    const count = COUNTS[name] ?? 20_000;
    for (const body of [mine[name], other[name]]) rate(body, count);
    const rounds = Array.from({ length: ROUNDS }, () => [
      rate(mine[name], count),
      rate(other[name], count),
    ]);
    const ratios = rounds.map(([a, b]) => a / b).sort((a, b) => a - b);
    console.log(
      name.padEnd(20),
      String(Math.round(median(rounds.map(([a]) => a)))).padStart(12),
      String(Math.round(median(rounds.map(([, b]) => b)))).padStart(12),
      median(ratios).toFixed(1).padStart(8),
      `   ${ratios[0].toFixed(1)} .. ${ratios.at(-1).toFixed(1)}`,
    );
  }
}

/** Bytes that `make` keeps for each of FILES files. */
function bytesPerFile(make) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const used = () => {
    // Twice: what the first pass finds dead may keep more alive until the second.
    collect();
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const { one, keep } = make();
  const before = used();
  for (let i = 0; i < FILES; i += 1) one(`/n${i}`);
  const kept = used() - before;
  keep();
  return Math.round(kept / FILES);
}

function memory() {
  const here = bytesPerFile(() => {
    const { init } = createKernel();
    return {
      one: (path) => init.closeSync(init.openSync(path, O.CREAT)),
      keep: () => init.getpidSync(),
    };
  });
  const there = bytesPerFile(() => {
    const { fs } = memfs();
    return { one: (path) => fs.writeFileSync(path, ''), keep: () => fs.statSync('/n0') };
  });
  console.log(
    `bytes per file, of ${FILES}`.padEnd(20),
    String(here).padStart(7),
    String(there).padStart(12),
    (there / here).toFixed(1).padStart(8),
  );
}

/** Print both tables. */
export function filesystemRates() {
  rates();
  memory();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) filesystemRates();
