/** The kernel for tests: calls one by one, all interleavings of calls. */

import { describe, expect, test } from 'vitest';
import { createKernel, E, O, RENAME, WNOHANG, type FileStat } from 'dentrylab/fs';

const stat = (value: FileStat | number): FileStat => {
  if (typeof value === 'number') throw new Error(`stat failed: ${value}`);
  return value;
};

describe('calls one by one', () => {
  test('what is written is read, also after the name is gone', () => {
    const { init } = createKernel();
    const fd = init.openSync('/log', O.CREAT | O.RDWR, 0o600);
    expect(init.writeSync(fd, 'hällo')).toBe(6);
    expect(init.unlinkSync('/log')).toBe(0);
    expect(init.preadSync(fd, 100, 0)).toBe('hällo');
    expect(stat(init.fstatSync(fd)).nlink).toBe(0);
    expect(init.openSync('/log')).toBe(-E.ENOENT);
    expect(init.closeSync(fd)).toBe(0);
    expect(init.closeSync(fd)).toBe(-E.EBADF);
  });

  test('holes are zeros and cost no blocks', () => {
    const { init } = createKernel();
    const fd = init.openSync('/sparse', O.CREAT | O.RDWR);
    init.pwriteSync(fd, 'x', 1 << 30);
    expect(stat(init.fstatSync(fd)).size).toBe((1 << 30) + 1);
    expect(stat(init.fstatSync(fd)).blocks).toBe(8);
    expect(init.preadSync(fd, 3, 0)).toBe('\0\0\0');
    init.ftruncateSync(fd, 2);
    expect(stat(init.fstatSync(fd)).blocks).toBe(0);
  });

  test('descriptors: lowest free, dup shares the position, limits, close on exec', () => {
    const { init } = createKernel({ maxFiles: 6, files: { '/f': 'abcdef' } });
    const a = init.openSync('/f');
    const b = init.dupSync(a);
    const c = init.openSync('/f', O.CLOEXEC);
    expect([a, b, c]).toEqual([0, 1, 2]);
    expect(init.readSync(a, 2)).toBe('ab');
    expect(init.readSync(b, 2)).toBe('cd');
    expect(init.readSync(c, 2)).toBe('ab');
    init.closeSync(a);
    expect(init.openSync('/f')).toBe(0);
    init.setrlimitNofileSync(3);
    expect(init.openSync('/f')).toBe(-E.EMFILE);
    init.execveSync();
    expect(init.readSync(c)).toBe(-E.EBADF);
    init.setrlimitNofileSync(100);
    const opened = [0, 1, 2, 3, 4].map(() => init.openSync('/f'));
    expect(opened.at(-1)).toBe(-E.ENFILE);
  });

  test('symbolic links are followed, loops are not', () => {
    const { init } = createKernel({ files: { '/a/b/f': 'x', '/c/': '' } });
    init.symlinkSync('../a/b', '/c/l');
    init.symlinkSync('loop', '/loop');
    expect(init.openSync('/c/l/f')).toBe(0);
    expect(init.openSync('/c/l/../../c/l/f')).toBe(1);
    expect(init.openSync('/loop')).toBe(-E.ELOOP);
    expect(init.openSync('/c/l', O.NOFOLLOW)).toBe(-E.ELOOP);
    expect(init.readlinkSync('/c/l')).toBe('../a/b');
  });

  test('permissions count for who is not root', () => {
    const { init } = createKernel({ files: { '/secret': 'x', '/dir/': '' } });
    init.chmodSync('/secret', 0o600);
    const user = init.forkSync();
    user.setuidSync(1000, 1000);
    expect(user.openSync('/secret')).toBe(-E.EACCES);
    expect(user.mkdirSync('/dir/x')).toBe(-E.EACCES);
    init.chmodSync('/dir', 0o1777);
    expect(user.mkdirSync('/dir/x')).toBe(0);
    expect(user.chownSync('/dir/x', 0, 0)).toBe(-E.EPERM);
  });

  test('rename: over, not over, and exchange', () => {
    const { init } = createKernel({ files: { '/a': 'A', '/b': 'B', '/d/x': '' } });
    expect(init.renameSync('/a', '/b', RENAME.NOREPLACE)).toBe(-E.EEXIST);
    expect(init.renameSync('/a', '/b', RENAME.EXCHANGE)).toBe(0);
    expect(init.readSync(init.openSync('/a'))).toBe('B');
    expect(init.renameSync('/d', '/d/y')).toBe(-E.EINVAL);
    expect(init.renameSync('/a', '/d')).toBe(-E.EISDIR);
    expect(init.renameSync('/a', '/b')).toBe(0);
    expect(init.openSync('/a')).toBe(-E.ENOENT);
  });

  test('limits: blocks and inodes', () => {
    const { init } = createKernel({ blocks: 2, inodes: 3 });
    const fd = init.openSync('/f', O.CREAT | O.WRONLY);
    expect(init.writeSync(fd, 'x'.repeat(10_000))).toBe(8192);
    expect(init.writeSync(fd, 'x')).toBe(-E.ENOSPC);
    expect(init.mkdirSync('/d')).toBe(0);
    expect(init.mkdirSync('/e')).toBe(-E.ENOSPC);
    expect(init.statfsSync('/')).toEqual([4096, 2, 0, 3, 0, expect.any(Number)]);
  });

  test('inode numbers come back only where the filesystem reuses them', () => {
    for (const reuseIno of [false, true]) {
      const { init } = createKernel({ reuseIno });
      init.closeSync(init.openSync('/a', O.CREAT));
      const before = stat(init.statSync('/a'));
      init.unlinkSync('/a');
      init.closeSync(init.openSync('/a', O.CREAT));
      const after = stat(init.statSync('/a'));
      expect(after.ino === before.ino).toBe(reuseIno);
      expect(after.generation).not.toBe(before.generation);
    }
  });

  test('fork, exit, wait, and numbers that come back', () => {
    const { init } = createKernel({ pidMax: 3 });
    const child = init.forkSync();
    const pid = child.getpidSync();
    expect(init.wait4Sync(-1, WNOHANG)).toBe(0);
    child.exitSync(3);
    expect(init.wait4Sync()).toEqual([pid, 3 << 8]);
    expect(init.wait4Sync()).toBe(-E.ECHILD);
    const next = [init.forkSync(), (init.wait4Sync(-1, WNOHANG), init.forkSync())];
    expect(next.map((process) => process.getpidSync()).sort()).toEqual([2, 3]);
    expect(() => init.forkSync()).toThrow(/no new process/);
  });

  test('mounts hide what is below, and are busy while used', () => {
    const { init } = createKernel({ files: { '/mnt/below': 'x' } });
    expect(init.mountSync('/mnt')).toBe(0);
    expect(init.statSync('/mnt/below')).toBe(-E.ENOENT);
    const fd = init.openSync('/mnt/above', O.CREAT);
    expect(init.linkSync('/mnt/above', '/x')).toBe(-E.EXDEV);
    expect(init.rmdirSync('/mnt')).toBe(-E.EBUSY);
    expect(init.umountSync('/mnt')).toBe(-E.EBUSY);
    init.closeSync(fd);
    init.chdirSync('/mnt');
    expect(init.getcwdSync()).toBe('/mnt');
    init.chdirSync('..');
    expect(init.getcwdSync()).toBe('/');
    expect(init.umountSync('/mnt')).toBe(0);
    expect(stat(init.statSync('/mnt/below')).size).toBe(1);
  });

  test('a file without a name', () => {
    const { init } = createKernel({ files: { '/d/': '' } });
    const fd = init.openSync('/d', O.TMPFILE | O.RDWR, 0o600);
    expect(init.writeSync(fd, 'x')).toBe(1);
    expect(stat(init.fstatSync(fd)).nlink).toBe(0);
    expect(init.getdentsSync(init.openSync('/d'))).toEqual([]);
    expect(init.openSync('/d', O.TMPFILE)).toBe(-E.EINVAL);
  });
});

describe('all interleavings of calls', () => {
  test('two appenders lose nothing', async () => {
    const k = createKernel({ files: { '/log': '' } });
    for (const name of ['a', 'b']) {
      k.spawn(name, function* (sys) {
        const fd = yield* sys.open('/log', O.WRONLY | O.APPEND);
        yield* sys.write(fd, name);
        yield* sys.close(fd);
      });
    }
    k.spawn('reader', function* (sys) {
      return yield* sys.read(yield* sys.open('/log'));
    });
    const report = await k.explore();
    expect(report.verdict).toBe('HOLDS');
    expect(report.interleavings).toBe(560);
    expect(Object.keys(report.outcomes).sort()).toEqual([
      'reader: ""',
      'reader: "a"',
      'reader: "ab"',
      'reader: "b"',
      'reader: "ba"',
    ]);
  });

  test('two writers without O_APPEND lose an update: the shortest story is shown', async () => {
    const k = createKernel({ files: { '/n': '0' } });
    for (const name of ['a', 'b']) {
      k.spawn(name, function* (sys) {
        const fd = yield* sys.open('/n', O.RDWR);
        const n = Number(yield* sys.pread(fd, 9, 0));
        yield* sys.pwrite(fd, String(n + 1), 0);
      });
    }
    k.finally((init) => (init.readSync(init.openSync('/n')) === '2' ? null : 'an update was lost'));
    const report = await k.explore();
    expect(report.verdict).toBe('VIOLATED');
    expect(report.bugs[0].switches).toBe(2);
    expect(report.bugs[0].minimal).toBe(true);
    expect(report.text).toContain('an update was lost');
  });
});
