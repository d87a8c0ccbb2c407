/** Every error that a call can return, brought about. */

import { expect, test } from 'vitest';
import {
  createKernel,
  E,
  F,
  O,
  RENAME,
  WNOHANG,
  type KernelConfig,
  type Process,
} from 'dentrylab/fs';

const long = 'n'.repeat(256);
const deep = `/${'d/'.repeat(2100)}`;
/** 40 links in a row are followed, the next one is not. */
const chain = (init: Process): void => {
  init.symlinkSync('/f', '/l0');
  for (let i = 1; i <= 40; i += 1) init.symlinkSync(`/l${i - 1}`, `/l${i}`);
};
const user = (init: Process): Process => {
  const other = init.forkSync();
  other.setuidSync(1000, 1000);
  return other;
};
/** A process that stands in a directory that is gone. */
const stranded = (init: Process): Process => {
  const other = init.forkSync();
  init.mkdirSync('/gone');
  other.chdirSync('/gone');
  init.rmdirSync('/gone');
  return other;
};

type Case = readonly [call: string, error: keyof typeof E, act: (init: Process) => unknown];

const cases: readonly Case[] = [
  ['open of nothing', 'ENOENT', (p) => p.openSync('/none')],
  ['open of the empty path', 'ENOENT', (p) => p.openSync('')],
  ['open below nothing', 'ENOENT', (p) => p.openSync('/none/f', O.CREAT)],
  ['open below a file', 'ENOTDIR', (p) => p.openSync('/f/x')],
  ['open of a file as a directory', 'ENOTDIR', (p) => p.openSync('/f', O.DIRECTORY)],
  ['open of a file with a slash', 'ENOTDIR', (p) => p.openSync('/f/')],
  ['open of a link as a directory', 'ENOTDIR', (p) => p.openSync('/l', O.DIRECTORY | O.NOFOLLOW)],
  ['open of a link not to follow', 'ELOOP', (p) => p.openSync('/l', O.NOFOLLOW)],
  ['open of a link to itself', 'ELOOP', (p) => p.openSync('/self')],
  ['open through 41 links', 'ELOOP', (p) => (chain(p), p.openSync('/l40'))],
  ['open of a long name', 'ENAMETOOLONG', (p) => p.openSync(`/${long}`)],
  ['open of a long path', 'ENAMETOOLONG', (p) => p.openSync(deep)],
  ['O_EXCL of what is there', 'EEXIST', (p) => p.openSync('/f', O.CREAT | O.EXCL)],
  ['O_EXCL of a link', 'EEXIST', (p) => p.openSync('/dangling', O.CREAT | O.EXCL)],
  ['open of a directory to write', 'EISDIR', (p) => p.openSync('/d', O.WRONLY)],
  ['open of a directory to cut', 'EISDIR', (p) => p.openSync('/d', O.TRUNC)],
  ['O_CREAT with a slash', 'EISDIR', (p) => p.openSync('/new/', O.CREAT)],
  ['O_CREAT with O_DIRECTORY', 'EINVAL', (p) => p.openSync('/new', O.CREAT | O.DIRECTORY)],
  ['O_TMPFILE to read', 'EINVAL', (p) => p.openSync('/d', O.TMPFILE)],
  ['open without permission', 'EACCES', (p) => user(p).openSync('/secret')],
  ['open through a closed directory', 'EACCES', (p) => user(p).openSync('/closed/f')],
  ['O_CREAT without permission', 'EACCES', (p) => user(p).openSync('/new', O.CREAT)],
  ['O_TRUNC without permission', 'EACCES', (p) => user(p).openSync('/f', O.TRUNC)],
  ['open above the limit', 'EMFILE', (p) => (p.setrlimitNofileSync(0), p.openSync('/f'))],
  [
    'dup above the limit',
    'EMFILE',
    (p) => (p.openSync('/f'), p.setrlimitNofileSync(1), p.dupSync(0)),
  ],
  [
    'open with the table full',
    'ENFILE',
    (p) => [1, 2, 3, 4, 5, 6, 7].map(() => p.openSync('/f')).at(-1),
  ],
  ['close of nothing', 'EBADF', (p) => p.closeSync(7)],
  ['read of nothing', 'EBADF', (p) => p.readSync(7)],
  ['read of a file to write', 'EBADF', (p) => p.readSync(p.openSync('/f', O.WRONLY))],
  ['read of a place', 'EBADF', (p) => p.readSync(p.openSync('/f', O.PATH))],
  ['read of a directory', 'EISDIR', (p) => p.readSync(p.openSync('/d'))],
  ['pread before the start', 'EINVAL', (p) => p.preadSync(p.openSync('/f'), 1, -1)],
  ['write of a file to read', 'EBADF', (p) => p.writeSync(p.openSync('/f'), 'x')],
  ['write with the filesystem full', 'ENOSPC', (p) => p.writeSync(fill(p), 'x')],
  ['pwrite before the start', 'EINVAL', (p) => p.pwriteSync(p.openSync('/f', O.RDWR), 'x', -2)],
  ['lseek before the start', 'EINVAL', (p) => p.lseekSync(p.openSync('/f'), -1)],
  ['lseek from nowhere', 'EINVAL', (p) => p.lseekSync(p.openSync('/f'), 0, 3)],
  ['lseek of a place', 'EBADF', (p) => p.lseekSync(p.openSync('/f', O.PATH), 0)],
  ['dup of nothing', 'EBADF', (p) => p.dupSync(7)],
  ['dup3 of nothing', 'EBADF', (p) => p.dup3Sync(7, 1)],
  ['dup3 to itself', 'EINVAL', (p) => p.dup3Sync(1, 1)],
  ['dup3 above the limit', 'EBADF', (p) => p.dup3Sync(p.openSync('/f'), 5000)],
  ['fcntl of no kind', 'EINVAL', (p) => p.fcntlSync(p.openSync('/f'), 99)],
  ['F_DUPFD above the limit', 'EINVAL', (p) => p.fcntlSync(p.openSync('/f'), F.DUPFD, 5000)],
  ['F_SETFD of nothing', 'EBADF', (p) => p.fcntlSync(7, F.SETFD, 1)],
  ['ftruncate of a file to read', 'EINVAL', (p) => p.ftruncateSync(p.openSync('/f'), 0)],
  ['ftruncate of a place', 'EBADF', (p) => p.ftruncateSync(p.openSync('/f', O.PATH), 0)],
  ['ftruncate below zero', 'EINVAL', (p) => p.ftruncateSync(0, -1)],
  ['truncate of a directory', 'EISDIR', (p) => p.truncateSync('/d', 0)],
  ['truncate without permission', 'EACCES', (p) => user(p).truncateSync('/f', 0)],
  ['mkdir of what is there', 'EEXIST', (p) => p.mkdirSync('/f')],
  ['mkdir of the root', 'EEXIST', (p) => p.mkdirSync('/')],
  ['mkdir in a directory that is gone', 'ENOENT', (p) => stranded(p).mkdirSync('x')],
  [
    'mkdir without inodes',
    'ENOSPC',
    (p) => Array.from({ length: 20 }, (_, i) => p.mkdirSync(`/m${i}`)).at(-1),
  ],
  ['getcwd in a directory that is gone', 'ENOENT', (p) => stranded(p).getcwdSync()],
  ['getdents of a directory that is gone', 'ENOENT', (p) => gone(p)],
  ['getdents of a file', 'ENOTDIR', (p) => p.getdentsSync(p.openSync('/f'))],
  ['rmdir of a file', 'ENOTDIR', (p) => p.rmdirSync('/f')],
  ['rmdir of names', 'ENOTEMPTY', (p) => p.rmdirSync('/closed')],
  ['rmdir of .', 'EINVAL', (p) => p.rmdirSync('/d/.')],
  ['rmdir of ..', 'ENOTEMPTY', (p) => p.rmdirSync('/d/..')],
  ['rmdir of the root', 'EBUSY', (p) => p.rmdirSync('/')],
  ['unlink of a directory', 'EISDIR', (p) => p.unlinkSync('/d')],
  ['unlink of a file with a slash', 'ENOTDIR', (p) => p.unlinkSync('/f/')],
  ['unlink without permission', 'EACCES', (p) => user(p).unlinkSync('/f')],
  ['unlink of what is not mine', 'EPERM', (p) => user(p).unlinkSync('/shared/f')],
  ['link of a directory', 'EPERM', (p) => p.linkSync('/d', '/x')],
  ['link onto a name', 'EEXIST', (p) => p.linkSync('/f', '/d')],
  ['link to another filesystem', 'EXDEV', (p) => (p.mountSync('/d'), p.linkSync('/f', '/d/f'))],
  ['symlink to nothing', 'ENOENT', (p) => p.symlinkSync('', '/x')],
  ['symlink to a long text', 'ENAMETOOLONG', (p) => p.symlinkSync('x'.repeat(4096), '/x')],
  ['symlink onto a name', 'EEXIST', (p) => p.symlinkSync('x', '/f')],
  ['readlink of a file', 'EINVAL', (p) => p.readlinkSync('/f')],
  ['rename of nothing', 'ENOENT', (p) => p.renameSync('/none', '/x')],
  ['rename of a file over a directory', 'EISDIR', (p) => p.renameSync('/f', '/d')],
  ['rename of a directory over a file', 'ENOTDIR', (p) => p.renameSync('/d', '/f')],
  ['rename over names', 'ENOTEMPTY', (p) => p.renameSync('/d', '/closed')],
  ['rename into itself', 'EINVAL', (p) => p.renameSync('/closed', '/closed/x')],
  ['rename of .', 'EBUSY', (p) => p.renameSync('/d/.', '/x')],
  ['rename to another filesystem', 'EXDEV', (p) => (p.mountSync('/d'), p.renameSync('/f', '/d/f'))],
  ['rename of a mountpoint', 'EBUSY', (p) => (p.mountSync('/d'), p.renameSync('/d', '/x'))],
  ['rename not over', 'EEXIST', (p) => p.renameSync('/f', '/l', RENAME.NOREPLACE)],
  ['exchange with nothing', 'ENOENT', (p) => p.renameSync('/f', '/x', RENAME.EXCHANGE)],
  ['rename with both flags', 'EINVAL', (p) => p.renameSync('/f', '/x', 3)],
  ['access without permission', 'EACCES', (p) => user(p).accessSync('/secret', 4)],
  ['chmod of what is not mine', 'EPERM', (p) => user(p).chmodSync('/f', 0o777)],
  ['chown to another', 'EPERM', (p) => user(p).chownSync('/mine', 0, -1)],
  ['chown to a group not mine', 'EPERM', (p) => user(p).chownSync('/mine', -1, 5)],
  ['chdir to a file', 'ENOTDIR', (p) => p.chdirSync('/f')],
  ['chdir without permission', 'EACCES', (p) => user(p).chdirSync('/closed')],
  ['chroot by a user', 'EPERM', (p) => user(p).chrootSync('/d')],
  ['setuid by a user', 'EPERM', (p) => user(p).setuidSync(0)],
  ['wait4 without children', 'ECHILD', (p) => p.wait4Sync()],
  ['wait4 for no child of mine', 'ECHILD', (p) => (p.forkSync(), p.wait4Sync(99))],
  ['wait4 with unknown options', 'EINVAL', (p) => p.wait4Sync(-1, WNOHANG | 64)],
  ['mount by a user', 'EPERM', (p) => user(p).mountSync('/d')],
  ['umount of no mount', 'EINVAL', (p) => p.umountSync('/d')],
  ['umount in use', 'EBUSY', (p) => (p.mountSync('/d'), p.chdirSync('/d'), p.umountSync('/d'))],
  ['rmdir of a mountpoint', 'EBUSY', (p) => (p.mountSync('/d'), p.rmdirSync('/d'))],
];

function fill(p: Process): number {
  const fd = p.openSync('/full', O.CREAT | O.WRONLY);
  p.writeSync(fd, 'x'.repeat(4096 * 20));
  return fd;
}

function gone(p: Process): unknown {
  const fd = p.openSync('/d');
  p.rmdirSync('/d');
  return p.getdentsSync(fd);
}

const config: KernelConfig = {
  maxFiles: 6,
  blocks: 16,
  inodes: 64,
  dhash_entries: 64,
  files: { '/f': 'text', '/d/': '', '/secret': 's', '/closed/f': '', '/shared/f': '', '/mine': '' },
};

test.each(cases)('%s: %s', (call, error, act) => {
  // mkdir runs out of inodes only in a small filesystem; the chain of links needs a larger one.
  const { init } = createKernel(call.includes('inodes') ? { ...config, inodes: 12 } : config);
  init.symlinkSync('/f', '/l');
  init.symlinkSync('/self', '/self');
  init.symlinkSync('/none', '/dangling');
  init.chmodSync('/secret', 0o600);
  init.chmodSync('/closed', 0o700);
  init.chmodSync('/shared', 0o1777);
  init.chownSync('/mine', 1000, 1000);
  expect(act(init)).toBe(-E[error]);
});

test('what is allowed all the same', () => {
  const { init } = createKernel(config);
  init.chownSync('/mine', 1000, 1000);
  const other = user(init);
  expect(other.setuidSync(1000, 1000)).toBe(0);
  expect(other.chownSync('/mine', 1000, 1000)).toBe(0);
  expect(other.chmodSync('/mine', 0o600)).toBe(0);
  const place = init.openSync('/f', O.PATH | O.TRUNC);
  expect(init.statSync('/f')).toMatchObject({ size: 4 });
  expect(init.fstatSync(place)).toMatchObject({ size: 4 });
  expect(init.dup3Sync(place, 5, O.CLOEXEC)).toBe(5);
  expect(init.fcntlSync(5, F.GETFD)).toBe(1);
  expect(init.fcntlSync(5, F.SETFD, 0)).toBe(0);
  expect(init.fcntlSync(5, F.GETFD)).toBe(0);
});

test('threads share descriptors and the place, processes do not; the last thread ends the process', () => {
  const { init } = createKernel({ files: { '/d/f': 'x' } });
  const child = init.forkSync();
  const thread = child.threadSync();
  child.openSync('/d/f');
  child.chdirSync('/d');
  expect(thread.readSync(0)).toBe('x');
  expect(thread.statSync('f')).toMatchObject({ size: 1 });
  expect(init.readSync(0)).toBe(-E.EBADF);
  expect(init.statSync('f')).toBe(-E.ENOENT);
  expect([thread.getpidSync(), thread.getppidSync()]).toEqual([child.getpidSync(), 1]);
  const pid = child.getpidSync();
  child.exitSync(3);
  expect(init.wait4Sync(-1, WNOHANG)).toBe(0);
  thread.exitSync(4);
  expect(init.wait4Sync()).toEqual([pid, 3 << 8]);
});

test('an orphan goes to init', () => {
  const { init } = createKernel();
  const child = init.forkSync();
  const grandchild = child.forkSync();
  child.exitSync();
  init.wait4Sync();
  expect(grandchild.getppidSync()).toBe(1);
  grandchild.exitSync(1);
  expect(init.wait4Sync()).toEqual([3, 1 << 8]);
});
