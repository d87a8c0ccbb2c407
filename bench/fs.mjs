/**
 * Calls per second of the direct build, with memfs doing the same beside it, and the memory of many
 * small files. Run with --expose-gc for the memory figures.
 */

import { memfs } from 'memfs';
import { createKernel, O } from '../dist/fs/index.js';

const FILES = 100_000;

function rate(body, count) {
  for (let i = 0; i < count / 4; i += 1) body(i);
  const start = performance.now();
  for (let i = 0; i < count; i += 1) body(i);
  return (count / (performance.now() - start)) * 1000;
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

const COUNTS = { 'readdir of 1,000': 2000 };

console.log('call                   dentrylab/s      memfs/s    ratio');
const [mine, other] = [ours(), theirs()];
for (const name of Object.keys(mine)) {
  const count = COUNTS[name] ?? 50_000;
  const [a, b] = [rate(mine[name], count), rate(other[name], count)];
  console.log(
    name.padEnd(20),
    String(Math.round(a)).padStart(12),
    String(Math.round(b)).padStart(12),
    (a / b).toFixed(1).padStart(8),
  );
}

if (globalThis.gc === undefined) {
  console.log('memory: run node --expose-gc bench/fs.mjs');
} else {
  const used = () => {
    globalThis.gc();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const { init } = createKernel();
  let before = used();
  for (let i = 0; i < FILES; i += 1) init.closeSync(init.openSync(`/n${i}`, O.CREAT));
  const kept = used() - before;
  const { fs } = memfs();
  before = used();
  for (let i = 0; i < FILES; i += 1) fs.writeFileSync(`/n${i}`, '');
  const keptThere = used() - before;
  console.log(
    'bytes per file'.padEnd(20),
    String(Math.round(kept / FILES)).padStart(12),
    String(Math.round(keptThere / FILES)).padStart(12),
  );
  init.getpidSync();
  fs.statSync('/n0');
}
