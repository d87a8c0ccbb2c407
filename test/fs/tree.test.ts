/** What must hold of the tree when several calls work on it at once, access by access. */

import { expect, test } from 'vitest';
import { createKernel, O } from 'dentrylab/fs';
import { Machine } from '../../src/machine/index.js';
import { create_fs_kernel, syscall_table as sys } from '../../src/vfs/index.js';

test('a rename out of a directory and its removal do not wait for each other', async () => {
  const k = createKernel({ files: { '/d/x': '' } });
  k.spawn('mover', function* (calls) {
    return yield* calls.rename('/d/x', '/y');
  });
  k.spawn('remover', function* (calls) {
    return yield* calls.rmdir('/d');
  });
  const report = await k.explore({ granularity: 'access', engine: 'bounded' });
  expect(report.bugs).toEqual([]);
  expect(Object.keys(report.outcomes).sort()).toEqual(['mover: 0', 'remover: -39', 'remover: 0']);
});

test('nothing is made in a directory that a rename has replaced', async () => {
  const k = createKernel({ files: { '/new/': '', '/old/': '' } });
  k.spawn('mover', function* (calls) {
    return yield* calls.rename('/new', '/old');
  });
  k.spawn('maker', function* (calls) {
    const fd = yield* calls.open('/old/f', O.CREAT);
    return fd < 0 ? fd : 'made';
  });
  k.finally(function* (calls) {
    const entries = yield* calls.getdents(yield* calls.open('/old'));
    return typeof entries === 'number' ? 'the directory is gone' : null;
  });
  const report = await k.explore({ granularity: 'access', engine: 'bounded' });
  expect(report.bugs).toEqual([]);
  // Over the new one, before it; or into the old one, so that the rename fails, or too late.
  expect(Object.keys(report.outcomes).sort()).toEqual([
    'maker: "made"',
    'maker: -2',
    'mover: -39',
    'mover: 0',
  ]);
});

test('an unmounted filesystem gives every inode back', () => {
  const machine = new Machine();
  const k = create_fs_kernel(machine);
  const root = k.init_task.task!;
  const answers = machine.boot(function* () {
    return [
      yield* sys.mkdir(k, root, '/m'),
      yield* sys.mount(k, root, '/m'),
      yield* sys.mkdir(k, root, '/m/d'),
      yield* sys.close(k, root, yield* sys.open(k, root, '/m/d/f', O.CREAT)),
      yield* sys.symlink(k, root, 'f', '/m/d/l'),
      yield* sys.umount(k, root, '/m'),
    ];
  });
  expect(answers).toEqual([0, 0, 0, 0, 0, 0]);
  const used = machine.allocated.flatMap((object) =>
    's_inodes_used' in object ? [(object.s_inodes_used as { value: number }).value] : [],
  );
  expect(used).toEqual([2, 0]);
});
