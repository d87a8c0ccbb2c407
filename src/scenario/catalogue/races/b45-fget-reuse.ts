/**
 * fget against close and reuse.
 *
 * Looking a descriptor up takes no lock: load the file from the table, and take a reference unless
 * its count is zero. Files come from memory that keeps its type, so a closed one may be another file
 * at once. Between load and reference the descriptor is closed and the file opened again as another
 * one: its count is not zero, the reference succeeds, and the caller has a file that was never behind
 * its descriptor. The repair looks at the table again once it has the reference. The stash of pidfs
 * needs no such look only because dentries wait for a grace period.
 */

import {
  branch,
  cmpxchg,
  cover,
  atomic_fetch_add,
  READ_ONCE,
  Struct,
  WARN,
  WRITE_ONCE,
  type Bound,
  type Cell,
  type Task,
} from '../../../machine/index.js';
import { smallRace } from './small-race.js';

const GOT = branch('fget', 'has a reference on the file of its descriptor');
const MOVED = branch('fget', 'finds another file behind the descriptor and lets go');
const TRUSTS = branch('fget', 'has a reference and does not look again');
const ZERO = branch('fget', 'finds the count at zero');

/** A struct file in memory that keeps its type: it is never freed, only used again. */
class TypeStableFile extends Struct {
  readonly f_count = this.cell('f_count', 1);
  readonly f_path = this.cell('f_path', 'a');

  constructor() {
    super('file');
  }
}

class Files extends Struct {
  readonly fd: Cell<TypeStableFile | null>[];
  /** The file that the cache would hand out next. */
  readonly free: Cell<TypeStableFile | null> = this.cell<TypeStableFile | null>('free', null);

  constructor(file: TypeStableFile) {
    super('files_struct');
    this.fd = [
      this.cell<TypeStableFile | null>('fd[0]', file),
      this.cell<TypeStableFile | null>('fd[1]', null),
    ];
  }
}

function* get_file_rcu(_k: unknown, file: TypeStableFile): Task<boolean> {
  let count = yield* READ_ONCE(file.f_count);
  while (count > 0) {
    const found = yield* cmpxchg(file.f_count, count, count + 1);
    if (found === count) return true;
    count = found;
  }
  yield* cover(ZERO);
  return false;
}

/** Drop a reference; the last one gives the memory back at once. Source: fs/file_table.c. */
function* fput(_k: unknown, files: Files, file: TypeStableFile): Task<void> {
  if ((yield* atomic_fetch_add(file.f_count, -1)) === 1) yield* WRITE_ONCE(files.free, file);
}

/** The file behind descriptor 0, with a reference, or null. Source: fs/file.c. */
function* fget(k: Kernel, files: Files): Task<TypeStableFile | null> {
  const file = yield* READ_ONCE(files.fd[0]);
  if (file === null || !(yield* k.get_file_rcu(file))) return null;
  if ((yield* READ_ONCE(files.fd[0])) === file) {
    yield* cover(GOT);
    return file;
  }
  yield* cover(MOVED);
  yield* k.fput(files, file);
  return null;
}

const unchecked = function* fget(k: Kernel, files: Files): Task<TypeStableFile | null> {
  const file = yield* READ_ONCE(files.fd[0]);
  if (file === null || !(yield* k.get_file_rcu(file))) return null;
  yield* cover(TRUSTS);
  return file;
};

/** Close descriptor 0. Source: fs/file.c. */
function* close_fd(k: Kernel, files: Files): Task<void> {
  const file = (yield* READ_ONCE(files.fd[0]))!;
  yield* WRITE_ONCE(files.fd[0], null);
  yield* k.fput(files, file);
}

/** Open another file as descriptor 1, in the memory of the one just closed if it is free. */
function* open_other(_k: unknown, files: Files): Task<void> {
  const file = yield* READ_ONCE(files.free);
  if (file === null) return;
  yield* WRITE_ONCE(files.free, null);
  yield* WRITE_ONCE(file.f_path, 'b');
  yield* WRITE_ONCE(file.f_count, 1);
  yield* WRITE_ONCE(files.fd[1], file);
}

const own = { get_file_rcu, fput, fget, close_fd, open_other };
type Kernel = Bound<Pick<typeof own, 'get_file_rcu' | 'fput'>>;

export const b45 = smallRace({
  name: 'b45-fget-reuse',
  title: 'a descriptor is looked up while its file is closed and becomes another one',
  history: {
    id: 'B45',
    year: 2021,
    identifiers: ['CVE-2021-4083', '054aa8d439b9', 'e386dfc56f83', '61d4fb0b349e'],
    expect: 'WARNING: fget returned another file in reader',
    witness: { steps: 12, switches: 2 },
    about: [GOT, MOVED, ZERO],
    wrong: [TRUSTS, ZERO],
  },
  own,
  buggy: { fget: unchecked },
  objects: (machine) =>
    machine.global(new Files(machine.global(new TypeStableFile(), 'file')), 'files'),
  tasks: {
    *reader(k, files) {
      const file = yield* k.fget(files);
      if (file === null) return;
      if ((yield* READ_ONCE(file.f_path)) !== 'a')
        yield* WARN('WARNING: fget returned another file');
      yield* k.fput(files, file);
    },
    *closer(k, files) {
      yield* k.close_fd(files);
      yield* k.open_other(files);
    },
  },
  checks: ['fget returns the file of its descriptor'],
});
