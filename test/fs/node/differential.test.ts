/**
 * The node:fs-shaped object against Node's own: the same random calls, in a directory of the machine
 * that runs the tests and in a kernel of ours, give the same results and the same errors.
 *
 * Calls are made by the superuser or by a user who owns everything, so no permission is ever
 * refused; refusals are in the table of test/fs/errors.test.ts, and are not compared with Node's.
 */

import fc from 'fast-check';
import * as nodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createKernel, type NodeFs } from 'dentrylab/fs';

type Call = readonly [name: string, ...args: unknown[]];

/** How many sequences: more with FS_RUNS=1000. */
const RUNS = Number(process.env['FS_RUNS'] ?? 80);
const TOP = nodeFs.mkdtempSync(join(tmpdir(), 'dlab-fs-'));
afterAll(() => nodeFs.rmSync(TOP, { recursive: true, force: true }));

/** What stands for a descriptor in a call: which of those opened so far. */
class Fd {
  readonly index: number;
  constructor(index: number) {
    this.index = index;
  }
}

const component = fc.constantFrom('a', 'b', 'c', 'ö', 'n'.repeat(256));
const path = fc
  .tuple(
    fc.array(component, { minLength: 1, maxLength: 3 }),
    fc.constantFrom('', '', '', '', '/', '/..', '/.'),
  )
  .map(([parts, end]) => `/${parts.join('/')}${end}`);
/** For calls that ask about the end of the path more than the kernel does. */
const plainPath = fc
  .array(component, { minLength: 1, maxLength: 3 })
  .map((parts) => `/${parts.join('/')}`);
const target = fc.oneof(
  fc
    .array(fc.constantFrom('a', 'b', '..', '.'), { minLength: 1, maxLength: 3 })
    .map((p) => p.join('/')),
);
const fd = fc.nat(5).map((index) => new Fd(index));
const size = fc.constantFrom(0, 1, 5, 4095, 4097, 9000);
const text = fc.tuple(fc.constantFrom('x', 'yz', 'ö'), size).map(([unit, n]) => unit.repeat(n));
const bytes = fc.tuple(fc.nat(255), size).map(([byte, n]) => new Uint8Array(n).fill(byte));
const data = fc.oneof(text, bytes);
const position = fc.constantFrom(null, 0, 3, 5000);
const flag = fc.constantFrom('r', 'r+', 'w', 'wx', 'w+', 'a', 'ax', 'a+', 'rs+', 'as');
const mode = fc.constantFrom(0o777, 0o755, 0o700, '750');
const seconds = fc.integer({ min: 1, max: 2_000_000_000 });
const encoding = fc.constantFrom(undefined, null, 'utf8', 'latin1', 'base64', { encoding: 'hex' });

const named: fc.Arbitrary<Call>[] = [
  fc.tuple(
    fc.constant('writeFile'),
    path,
    data,
    fc.constantFrom(undefined, { flag: 'wx' }, 'latin1'),
  ),
  fc.tuple(fc.constant('appendFile'), path, data),
  fc.tuple(fc.constant('readFile'), path, encoding),
  fc.tuple(fc.constant('mkdir'), path, fc.constantFrom(undefined, 0o700, { mode: 0o750 })),
  fc.tuple(fc.constant('mkdir'), plainPath, fc.constant({ recursive: true })),
  fc.tuple(fc.constantFrom('rmdir', 'unlink', 'stat', 'lstat'), path),
  fc.tuple(
    fc.constant('rm'),
    plainPath,
    fc.constantFrom(
      undefined,
      { recursive: true },
      { recursive: true, force: true },
      { force: true },
    ),
  ),
  fc.tuple(fc.constant('readdir'), path),
  fc.tuple(fc.constant('readdir'), path, fc.constant({ withFileTypes: true })),
  fc.tuple(fc.constantFrom('rename', 'link'), path, path),
  fc.tuple(fc.constant('symlink'), target, path),
  fc.tuple(fc.constant('readlink'), path),
  fc.tuple(fc.constant('truncate'), path, size),
  fc.tuple(fc.constantFrom('utimes', 'lutimes'), path, seconds, seconds),
  fc.tuple(fc.constant('chmod'), path, mode),
  fc.tuple(fc.constant('access'), path, fc.constantFrom(undefined, 0, 4)),
  fc.tuple(fc.constant('copyFile'), plainPath, plainPath, fc.constantFrom(undefined, 1)),
  fc.tuple(fc.constant('realpath'), plainPath),
];
const opened: fc.Arbitrary<Call>[] = [
  fc.tuple(fc.constant('open'), path, flag),
  fc.tuple(fc.constant('open'), path, flag),
  fc.tuple(fc.constant('close'), fd),
  fc.tuple(fc.constant('write'), fd, text, position),
  fc.tuple(fc.constant('write'), fd, bytes, fc.constant(0), fc.constant(undefined), position),
  fc.tuple(fc.constant('read'), fd, fc.constant('buffer'), fc.nat(4), fc.constant(4), position),
  fc.tuple(fc.constantFrom('fstat', 'fsync', 'fdatasync'), fd),
  fc.tuple(fc.constant('ftruncate'), fd, size),
  fc.tuple(fc.constant('futimes'), fd, seconds, seconds),
  fc.tuple(fc.constant('fchmod'), fd, mode),
  fc.tuple(fc.constant('readFile'), fd, encoding),
  fc.tuple(fc.constant('writev'), fd, fc.array(bytes, { maxLength: 3, minLength: 1 }), position),
];
const syncOnly: fc.Arbitrary<Call> = fc.oneof(
  fc.tuple(fc.constant('exists'), path),
  fc.tuple(fc.constantFrom('stat', 'lstat'), path, fc.constant({ throwIfNoEntry: false })),
);
const calls = (...kinds: fc.Arbitrary<Call>[]): fc.Arbitrary<Call[]> =>
  fc.array(fc.oneof(...kinds), { minLength: 1, maxLength: 40 });

/** A result as both sides must give it: without what belongs to the machine. */
function shown(value: unknown, root: string): unknown {
  if (typeof value === 'string') return value.replaceAll(root, '');
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map((each) => shown(each, root));
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) {
    const { code, syscall, path, dest, errno } = value as NodeJS.ErrnoException & { dest?: string };
    const { name, message } = value;
    return shown(
      { name, message, code, errno, syscall, path: path ?? null, dest: dest ?? null },
      root,
    );
  }
  if ('isFile' in value) {
    const { mode, nlink, size } = value as unknown as nodeFs.Stats;
    const { name, parentPath } = value as unknown as nodeFs.Dirent;
    const entry = value as nodeFs.Dirent;
    const kind = [entry.isFile(), entry.isDirectory(), entry.isSymbolicLink()];
    // Directories of other filesystems have sizes and counts of their own.
    const counted = entry.isDirectory() ? {} : { size, nlink };
    return { kind, mode, ...counted, name, parentPath: shown(parentPath, root) };
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, shown(each, root)]));
}

/** Everything below a directory: kinds, modes, contents, times that were set. */
function treeOf(fs: NodeFs | typeof nodeFs, path: string, root: string): unknown {
  const stat = fs.lstatSync(path);
  if (stat.isSymbolicLink()) return ['link', shown(fs.readlinkSync(path), root)];
  if (stat.isFile()) {
    return ['file', stat.mode, stat.nlink, shown(fs.readFileSync(path), root)];
  }
  const names = fs.readdirSync(path);
  return ['dir', stat.mode, names.map((name) => [name, treeOf(fs, join(path, name), root)])];
}

interface Side {
  readonly fs: NodeFs | typeof nodeFs;
  readonly root: string;
}

/** Arguments of a call on one side: paths below its root, descriptors that were opened there. */
function argsFor({ root }: Side, [name, ...args]: Call, fds: readonly unknown[]): unknown[] {
  return args.map((arg, i) => {
    if (arg instanceof Fd) return fds.length === 0 ? 99 : fds[arg.index % fds.length];
    if (arg === 'buffer') return new Uint8Array(8);
    if (typeof arg === 'string' && arg.startsWith('/') && !(name === 'symlink' && i === 0)) {
      return root + arg;
    }
    return arg;
  });
}

/**
 * What a call threw. Which call of the many under rm is named depends on the version of Node, so of
 * rm only the code must be the same.
 */
function failure(name: string, error: unknown, root: string): unknown {
  return name === 'rm' ? { code: Reflect.get(error as object, 'code') } : shown(error, root);
}

function inSync(side: Side, sequence: readonly Call[]): unknown[] {
  const fds: number[] = [];
  const results = sequence.map((call) => {
    const body = Reflect.get(side.fs, `${call[0]}Sync`) as Body;
    const args = argsFor(side, call, fds);
    try {
      const result = body.call(side.fs, ...args);
      if (call[0] === 'open') return fds.push(result as number);
      if (call[0] === 'read') return [result, shown(args[1], side.root)];
      return shown(result, side.root);
    } catch (error) {
      return failure(call[0], error, side.root);
    }
  });
  for (const each of fds) {
    try {
      side.fs.closeSync(each);
    } catch {
      // Closed by the sequence.
    }
  }
  return [...results, treeOf(side.fs, side.root, side.root)];
}

const ON_HANDLES: Readonly<Record<string, string>> = {
  close: 'close',
  fstat: 'stat',
  fsync: 'sync',
  fdatasync: 'datasync',
  ftruncate: 'truncate',
  futimes: 'utimes',
  fchmod: 'chmod',
  write: 'write',
  read: 'read',
  writev: 'writev',
};

type Body = (...args: unknown[]) => unknown;

async function inPromises(side: Side, sequence: readonly Call[]): Promise<unknown[]> {
  const handles: nodeFs.promises.FileHandle[] = [];
  const results: unknown[] = [];
  for (const call of sequence) {
    const [name] = call;
    const args = argsFor(side, call, handles);
    const onHandle = call[1] instanceof Fd;
    if (onHandle && handles.length === 0) continue;
    try {
      let result: unknown;
      if (onHandle && name in ON_HANDLES) {
        const [handle, ...rest] = args;
        const body = Reflect.get(handle as object, ON_HANDLES[name]) as Body;
        result = await body.call(handle, ...rest);
      } else {
        const body = Reflect.get(side.fs.promises, name) as Body;
        result = await body.call(side.fs.promises, ...args);
      }
      results.push(name === 'open' ? handles.push(result as never) : shown(result, side.root));
    } catch (error) {
      results.push(failure(name, error, side.root));
    }
  }
  for (const handle of handles) await handle.close();
  return [...results, treeOf(side.fs, side.root, side.root)];
}

let directories = 0;

interface Sides {
  readonly ours: Side;
  readonly theirs: Side;
  /** Remove what the machine holds of it. */
  readonly done: () => void;
}

/** A fresh directory of the machine, and a fresh kernel with the same umask. */
function sides(): Sides {
  directories += 1;
  const top = join(TOP, String(directories));
  // Deep enough that no `..` of a link leads to what is not of this case.
  const root = join(top, 'x', 'x', 'x', 'x');
  nodeFs.mkdirSync(root, { recursive: true });
  const k = createKernel({ files: { [`${root}/`]: '' }, dhash_entries: 64 });
  k.init.umaskSync(process.umask());
  return {
    ours: { fs: k.fs, root },
    theirs: { fs: nodeFs, root },
    done: () => nodeFs.rmSync(top, { recursive: true }),
  };
}

test('any calls at once have the results and errors of node:fs', () => {
  fc.assert(
    fc.property(calls(...named, ...opened, syncOnly), (sequence) => {
      const { ours, theirs, done } = sides();
      expect(inSync(ours, sequence)).toEqual(inSync(theirs, sequence));
      done();
    }),
    { numRuns: RUNS },
  );
});

test('any calls by promises have the results and errors of node:fs', async () => {
  await fc.assert(
    fc.asyncProperty(calls(...named, ...opened), async (sequence) => {
      const { ours, theirs, done } = sides();
      expect(await inPromises(ours, sequence)).toEqual(await inPromises(theirs, sequence));
      done();
    }),
    { numRuns: RUNS },
  );
});
