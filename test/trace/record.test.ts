/** What a recorded step knows, the kernel's files for it, and how much memory it takes. */

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { explore, type Bug } from '../../src/explore/index.js';
import { kernelSourceOf, record } from '../../src/scenario/index.js';
import { longRun, smallRace } from '../support/small-race.js';

describe('a step', () => {
  const program = smallRace();
  const [bug] = explore(program).bugs as [Bug];
  const { trace, snapshots } = record(program, bug.schedule);
  const last = trace.operations.findLast(({ findings }) => findings.length > 0)!;

  test('knows function, line, CPU, RCU depth, and who freed what it reads', () => {
    expect(last.stack[0]).toMatchObject({ fn: 'read_item', file: 'test/support/small-race.ts' });
    expect(last.stack[0].line).toBeGreaterThan(1);
    expect([last.op, last.order, last.object, last.field]).toEqual([
      'read',
      'once',
      'item#1',
      'value',
    ]);
    expect([last.cpu, last.rcuDepth, last.value]).toEqual([0, 1, '7']);
    const free = trace.operations[trace.freed['item#1'] - 1];
    expect([free.op, free.cpu, trace.tasks[free.task].name]).toEqual(['free', null, 'rcu']);
  });

  test('knows from which operation its value comes, and which locks are held', () => {
    const swap = trace.operations.find(({ op }) => op === 'xchg')!;
    expect(swap.locksHeld).toEqual(['shelf.shelf_lock']);
    const loads = trace.operations.filter(({ op, field }) => op === 'read' && field === 'count');
    expect(loads.map(({ readsFrom }) => readsFrom)).toEqual([0]);
  });

  test('every step has one main operation', () => {
    for (let step = 1; step <= trace.steps; step += 1) {
      const own = trace.operations.filter((operation) => operation.step === step);
      expect(own.filter(({ main }) => main)).toHaveLength(1);
    }
  });

  test('the whole state is there after each, and what did not change is shared', () => {
    expect(snapshots).toHaveLength(trace.steps + 1);
    expect(snapshots[0]['shelf']['item']).toBe('item#1');
    expect(snapshots.at(-1)!['item#1']['life']).toBe('freed');
    expect(snapshots[1]['item#1']).toBe(snapshots[0]['item#1']);
    expect(Object.isFrozen(snapshots[1])).toBe(true);
  });
});

test('10,000 steps over 100 objects stay under 100 MB', () => {
  const { program, schedule } = longRun(10_000, 100);
  expect(schedule.length).toBeGreaterThan(10_000);
  const { trace, snapshots } = record(program, schedule);
  expect(trace.operations.length).toBeGreaterThan(10_000);
  expect(snapshots).toHaveLength(schedule.length + 1);
  // Measured by itself, or the test runner's own memory would count.
  const script = `
    const { record } = await import('${new URL('../../dist/scenario/record.js', import.meta.url).href}');
    const m = await import('${new URL('../../dist/machine/index.js', import.meta.url).href}');
    class Box extends m.Struct { v = this.cell('v', 0); constructor() { super('box'); } }
    const program = { name: 'long', branches: [], build(options) {
      const machine = new m.Machine(options);
      const slab = machine.global(new m.Slab('box', () => new Box()));
      const root = machine.global(new (class extends m.Struct {
        p = this.cell('p', null); n = this.cell('n', 0); constructor() { super('root'); } })(), 'root');
      machine.addTask({ name: 'worker' }, function* () {
        for (let i = 0; i < 10000; i += 1) {
          if (i % 100 === 0) yield* m.WRITE_ONCE(root.p, yield* m.kmem_cache_alloc(slab));
          yield* m.WRITE_ONCE(root.n, i);
        }
      });
      return { machine, atEnd() {} };
    } };
    const schedule = Array.from({ length: 10100 }, () => ({ task: '0', choice: 0 }));
    gc();
    const before = process.memoryUsage().heapUsed;
    const kept = record(program, schedule);
    gc();
    const used = process.memoryUsage().heapUsed - before;
    console.log(JSON.stringify({ used, steps: kept.trace.steps, kept: kept.snapshots.length }));
  `;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--expose-gc', '--input-type=module', '-e', script],
    { encoding: 'utf8' },
  );
  expect(stderr).toBe('');
  const { used, steps, kept } = JSON.parse(stdout) as Record<string, number>;
  expect([steps, kept]).toEqual([10_100, 10_101]);
  expect(used).toBeLessThan(100 * 2 ** 20);
});

describe('the kernel’s files', () => {
  const src = fileURLToPath(new URL('../../src/', import.meta.url));
  const files = ['lockref', 'rcu', 'dcache', 'vfs'].flatMap((folder) =>
    readdirSync(src + folder)
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${folder}/${name}`),
  );
  const functions = files.flatMap((file) => {
    const text = readFileSync(src + file, 'utf8');
    return [
      ...text.matchAll(/(\/\*\*(?:(?!\*\/)[\s\S])*\*\/)?\s*(?:export )?function\* (\w+)/g),
    ].map(([, comment, fn]) => ({
      file,
      fn,
      source: /Source: ((?:\w+\/)+\w+\.\w)/.exec(comment ?? '')?.[1],
    }));
  });

  test('every kernel function has one, or is said to be ours', () => {
    expect(functions.length).toBeGreaterThan(50);
    const OURS = ['hold', 'release', 'open_stashed', 'close_stashed'];
    const missing = functions.filter(
      ({ file, fn }) => kernelSourceOf(fn, `src/${file}`) === null && !OURS.includes(fn),
    );
    expect(missing, 'add them to src/scenario/kernel-source.ts').toEqual([]);
  });

  test('the doc comments say the same', () => {
    const wrong = functions.filter(
      ({ file, fn, source }) =>
        source !== undefined && kernelSourceOf(fn, `src/${file}`)?.file !== source,
    );
    expect(wrong, 'add them to src/scenario/kernel-source.ts').toEqual([]);
  });
});
