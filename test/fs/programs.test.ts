/** Programs written for Node are explored call by call; faults come where rules say. */

import { expect, test } from 'vitest';
import { createKernel, createNodeFs, type Kernel, type NodeFsPromises } from 'dentrylab/fs';

/** Two that add one to a counter in a file, as people write it. */
async function increment(fs: { readonly promises: NodeFsPromises }): Promise<string> {
  const text = await fs.promises.readFile('/n', 'utf8');
  await fs.promises.writeFile('/n', String(Number(text) + 1));
  return 'done';
}

function counting(): Kernel {
  const k = createKernel({ files: { '/n': '0' } });
  k.spawnAsync('a', increment);
  k.spawnAsync('b', increment);
  k.finally((init) => {
    const text = init.readSync(init.openSync('/n'));
    return text === '2' ? null : `lost: ${String(text)}`;
  });
  return k;
}

test('an async program is cut into at each of its system calls', async () => {
  const report = await counting().explore();
  expect(report.verdict).toBe('VIOLATED');
  expect(report.bugs[0]).toMatchObject({ kind: 'check', minimal: true });
  expect(report.text).toMatch(/open\("\/n", O_RDONLY, 0666\) = 0/);
  expect(report.text).toMatch(/write\(0, .*\) = 1/);
});

test('the same report every time', async () => {
  expect((await counting().explore()).text).toBe((await counting().explore()).text);
});

test('a generator and an async program side by side, all interleavings', async () => {
  const k = createKernel({ files: { '/d/': '' } });
  k.spawnAsync('a', ({ promises }) => promises.mkdir('/d/x/y', { recursive: true }));
  k.spawn('b', function* (sys) {
    return yield* sys.mkdir('/d/x');
  });
  k.finally((init) => (init.statSync('/d/x/y') instanceof Object ? null : 'not made'));
  const { verdict, outcomes } = await k.explore();
  expect(verdict).toBe('HOLDS');
  expect(outcomes).toEqual({
    'a: "/d/x"': 'sometimes',
    'a: "/d/x/y"': 'sometimes',
    'b: 0': 'sometimes',
    'b: -17': 'sometimes',
  });
});

test('calls awaited together are made in any order', async () => {
  const k = createKernel();
  k.spawnAsync('a', async ({ promises }) => {
    const made = await Promise.allSettled([promises.mkdir('/x'), promises.mkdir('/x/y')]);
    return made.map(({ status }) => status).join();
  });
  const { outcomes, verdict } = await k.explore();
  expect(verdict).toBe('HOLDS');
  expect(outcomes).toEqual({
    'a: "fulfilled,fulfilled"': 'sometimes',
    'a: "fulfilled,rejected"': 'sometimes',
  });
});

test("what an async program throws is a bug, with Node's message", async () => {
  const k = createKernel();
  k.spawnAsync('a', async ({ promises }) => void (await promises.readFile('/none')));
  const { bugs } = await k.explore();
  expect(bugs[0]).toMatchObject({
    kind: 'program',
    title: "a: ENOENT: no such file or directory, open '/none'",
  });
});

test('waiting for what is no call is reported', async () => {
  const k = createKernel();
  k.spawnAsync('a', () => new Promise(() => undefined));
  const { bugs } = await k.explore();
  expect(bugs[0].title).toBe('waits for ever: a in something that is no call');
});

test('access by access, there are generators only, and no faults', async () => {
  const k = counting();
  await expect(k.explore({ granularity: 'access' })).rejects.toThrow('programs are generators');
  const faulty = createKernel({ faults: [{ call: 'open', error: 'EIO' }] });
  await expect(faulty.explore({ granularity: 'access' })).rejects.toThrow('no faults');
});

test('rules hold for calls at once, too, and are followed through dup', () => {
  const { init, fs } = createKernel({
    files: { '/f': '', '/g': '' },
    faults: [
      { call: 'write', path: '/f', nth: 2, error: 'ENOSPC' },
      { call: 'write', path: '/g', short: 2, always: true },
      { call: 'readBytes', path: '/g', error: 'EINTR' },
    ],
  });
  const fd = fs.openSync('/f', 'w');
  expect(fs.writeSync(fd, 'one')).toBe(3);
  expect(() => fs.writeSync(init.dupSync(fd), 'two')).toThrow(
    'ENOSPC: no space left on device, write',
  );
  expect(fs.writeSync(fd, 'three')).toBe(5);
  fs.writeFileSync('/g', 'öö');
  expect(() => fs.readFileSync('/g')).toThrow('EINTR: interrupted system call, read');
  expect(fs.readFileSync('/g', 'utf8')).toBe('öö');
});

test('a fault that may come anywhere is tried at every call, and not at all', async () => {
  const k = createKernel({ files: { '/f': '' } });
  k.spawn('w', function* (sys) {
    const fd = yield* sys.open('/f', 1);
    const counts: number[] = [];
    for (let i = 0; i < 3; i += 1) counts.push(yield* sys.write(fd, 'ab'));
    return counts;
  });
  const { outcomes } = await k.explore({
    faults: [{ call: 'write', path: '/f', short: 1, maybe: true }],
  });
  expect(Object.keys(outcomes).sort()).toEqual([
    'w: [1,2,2]',
    'w: [2,1,2]',
    'w: [2,2,1]',
    'w: [2,2,2]',
  ]);
});

test.each([
  [{ call: 'write', maybe: true, nth: 2, error: 'EIO' } as const, 'leave out nth'],
  [{ call: 'write' } as const, 'either an error or a short count'],
])('a rule that says too much or too little is refused: %o', (fault, message) => {
  expect(() => createKernel({ faults: [fault] })).toThrow(message);
});

test('a process of its own has an fs of its own: place, credentials, descriptors', () => {
  const { init, fs } = createKernel({ files: { '/home/f': 'x', '/secret': 's' } });
  fs.chmodSync('/secret', 0o600);
  const child = init.forkSync();
  child.setuidSync(1000, 1000);
  child.chdirSync('/home');
  const user = createNodeFs(child);
  expect(user.readFileSync('f', 'utf8')).toBe('x');
  expect(() => user.readFileSync('/secret')).toThrow("EACCES: permission denied, open '/secret'");
  expect(() => fs.readFileSync('f')).toThrow('ENOENT');
});

test('times are those of the virtual clock', async () => {
  const k = createKernel({ now: 5000 });
  k.fs.writeFileSync('/f', '');
  k.now = 60_000;
  k.fs.appendFileSync('/f', 'x');
  expect(k.fs.statSync('/f')).toMatchObject({ birthtimeMs: 5000, mtimeMs: 60_000 });
  expect(k.fs.statSync('/f', { bigint: true }).mtimeNs).toBe(60_000_000_000n);
  const handle = await k.fs.promises.open('/f');
  await handle.utimes(1, new Date(2000));
  expect((await handle.stat()).mtime).toEqual(new Date(2000));
  await handle.close();
  await expect(handle.stat()).rejects.toMatchObject({ code: 'EBADF', message: 'file closed' });
});
