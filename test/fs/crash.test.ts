/** A crash may come between any two calls; what was synced is there afterwards, the rest may be. */

import { expect, test } from 'vitest';
import { createKernel, O, type CrashModel, type Kernel } from 'dentrylab/fs';

/** What a saver does to replace /cfg, whose content is `old`, by `new`. */
interface Saver {
  readonly syncsFile: boolean;
  readonly syncsDirectory: boolean;
}

function saving({ syncsFile, syncsDirectory }: Saver): Kernel {
  const k = createKernel({ files: { '/cfg': 'old' } });
  k.spawn('saver', function* (sys) {
    const fd = yield* sys.open('/tmp', O.CREAT | O.WRONLY | O.TRUNC);
    yield* sys.write(fd, 'new');
    if (syncsFile) yield* sys.fsync(fd);
    yield* sys.close(fd);
    yield* sys.rename('/tmp', '/cfg');
    if (syncsDirectory) {
      const dir = yield* sys.open('/', O.DIRECTORY);
      yield* sys.fsync(dir);
      yield* sys.close(dir);
    }
    return 'saved';
  });
  k.afterCrash((init, ended) => {
    const fd = init.openSync('/cfg');
    const text = init.readSync(fd);
    if (text !== 'old' && text !== 'new') return `neither old nor new: '${String(text)}'`;
    return ended['saver'] === 'saved' && text === 'old' ? `saved, and then lost: ${text}` : null;
  });
  return k;
}

const models: CrashModel[] = ['posix', 'journal'];

test.each(models)('%s: with both syncs, a replaced file is whole and stays', async (crash) => {
  const report = await saving({ syncsFile: true, syncsDirectory: true }).explore({ crash });
  expect(report.text).toMatch(/^HOLDS/);
});

test.each(models)(
  '%s: without fsync of the file, the name comes before the data',
  async (crash) => {
    const report = await saving({ syncsFile: false, syncsDirectory: true }).explore({ crash });
    expect(report.bugs[0]).toMatchObject({ kind: 'crash', title: "neither old nor new: ''" });
    expect(report.bugs[0].rows.at(-1)?.label).toBe('starts again without saver\'s write(0, "new")');
  },
);

test.each(models)('%s: without fsync of the directory, the rename is lost', async (crash) => {
  const report = await saving({ syncsFile: true, syncsDirectory: false }).explore({ crash });
  expect(report.bugs[0].title).toBe('saved, and then lost: old');
});

test('fsync of any file makes earlier renames safe in a journal, not elsewhere', async () => {
  const verdicts = models.map(async (crash) => {
    const k = createKernel({ files: { '/a': 'x', '/other': '' } });
    k.spawn('p', function* (sys) {
      yield* sys.rename('/a', '/b');
      yield* sys.fsync(yield* sys.open('/other'));
      return 'done';
    });
    k.afterCrash((init, ended) =>
      ended['p'] === 'done' && init.accessSync('/b') < 0 ? 'the rename is lost' : null,
    );
    return (await k.explore({ crash })).verdict;
  });
  expect(await Promise.all(verdicts)).toEqual(['VIOLATED', 'HOLDS']);
});

/** Everything that a crash after these calls may leave. */
async function left(
  crash: CrashModel,
  body: Parameters<Kernel['spawn']>[1],
  files: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const seen = new Set<string>();
  const k = createKernel({ files });
  k.spawn('p', function* (sys) {
    yield* body(sys);
    return true;
  });
  k.afterCrash((init, ended) => {
    if (ended['p'] !== true) return null;
    const names = init.getdentsSync(init.openSync('/')) as (string | number)[];
    const all = names
      .filter((_, i) => i % 3 === 0)
      .map((name) => `${name}=${String(init.readSync(init.openSync(`/${name}`)))}`);
    seen.add(all.sort().join(' '));
    return null;
  });
  const { complete } = await k.explore({ crash });
  expect(complete).toBe(true);
  return [...seen].sort();
}

test('two names made: each may be lost, or in a journal the last ones', async () => {
  const body = function* (sys: Parameters<Parameters<Kernel['spawn']>[1]>[0]) {
    yield* sys.open('/a', O.CREAT);
    yield* sys.open('/b', O.CREAT);
  } as Parameters<Kernel['spawn']>[1];
  expect(await left('posix', body)).toEqual(['', 'a=', 'a= b=', 'b=']);
  expect(await left('journal', body)).toEqual(['', 'a=', 'a= b=']);
});

test('contents are those after some write of each page; a write over two pages may be torn', async () => {
  const page = (char: string): string => char.repeat(4096);
  const body = function* (sys: Parameters<Parameters<Kernel['spawn']>[1]>[0]) {
    const fd = yield* sys.open('/f', O.WRONLY);
    yield* sys.write(fd, page('1') + page('2'));
  } as Parameters<Kernel['spawn']>[1];
  const contents = await left('posix', body, { '/f': page('a') + page('b') });
  expect(contents).toEqual(
    ['1', 'a']
      .flatMap((first) => ['2', 'b'].map((second) => `/f=${page(first)}${page(second)}`.slice(1)))
      .sort(),
  );
});

test('sync makes everything safe', async () => {
  const body = function* (sys: Parameters<Parameters<Kernel['spawn']>[1]>[0]) {
    const fd = yield* sys.open('/a', O.CREAT | O.WRONLY);
    yield* sys.write(fd, 'x');
    yield* sys.unlink('/old');
    yield* sys.sync();
  } as Parameters<Kernel['spawn']>[1];
  expect(await left('posix', body, { '/old': '' })).toEqual(['a=x']);
});

test('an unlink that is lost brings the file back, with what was written to it meanwhile', async () => {
  const body = function* (sys: Parameters<Parameters<Kernel['spawn']>[1]>[0]) {
    const fd = yield* sys.open('/f', O.WRONLY);
    yield* sys.unlink('/f');
    yield* sys.write(fd, 'new');
    yield* sys.fsync(fd);
  } as Parameters<Kernel['spawn']>[1];
  expect(await left('posix', body, { '/f': 'old' })).toEqual(['', 'f=new']);
});

test('an fsync that fails makes nothing safe', async () => {
  const report = await saving({ syncsFile: true, syncsDirectory: true }).explore({
    crash: 'posix',
    faults: [{ call: 'fsync', error: 'EIO' }],
  });
  expect(report.verdict).toBe('VIOLATED');
});

test('more than can be tried is no pass', async () => {
  const k = createKernel();
  k.spawn('p', function* (sys) {
    for (let i = 0; i < 14; i += 1) yield* sys.open(`/f${i}`, O.CREAT);
  });
  k.afterCrash(() => null);
  const report = await k.explore({ crash: 'posix' });
  expect(report).toMatchObject({ verdict: 'INCOMPLETE', complete: false });
  expect(report.reason).toContain('sync more often');
});

test('hard links, links, modes and holes survive as they were', async () => {
  const k = createKernel({ files: { '/d/f': 'x' } });
  k.init.umaskSync(0);
  k.spawn('p', function* (sys) {
    yield* sys.link('/d/f', '/hard');
    yield* sys.symlink('d/f', '/soft');
    yield* sys.chmod('/d', 0o1770);
    yield* sys.chown('/d/f', 5, 6);
    yield* sys.truncate('/d/f', 9000);
    yield* sys.sync();
    return true;
  });
  k.afterCrash((init, ended) => {
    if (ended['p'] !== true) return null;
    expect(init.statSync('/hard')).toMatchObject({
      nlink: 2,
      size: 9000,
      uid: 5,
      gid: 6,
      blocks: 8,
    });
    expect(init.readlinkSync('/soft')).toBe('d/f');
    expect(init.statSync('/d')).toMatchObject({ mode: 0o41770 });
    return null;
  });
  expect((await k.explore({ crash: 'journal' })).text).toMatch(/^HOLDS/);
});

test('a check without crashes is refused', async () => {
  const k = createKernel();
  k.afterCrash(() => null);
  await expect(k.explore()).rejects.toThrow("explore({ crash: 'posix' })");
});
