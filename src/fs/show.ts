/** Calls and their answers as a reader wants to see them. */

import { errnoName } from '../machine/index.js';
import { O, type FileStat } from '../vfs/index.js';

const TEXT_MAX = 40;
/** Calls one of whose arguments is printed by its bits, or in octal. */
const FLAGS: Readonly<Record<string, number>> = { open: 1, dup3: 2 };
const MODES: Readonly<Record<string, number>> = {
  open: 2,
  mkdir: 1,
  chmod: 1,
  fchmod: 1,
  umask: 0,
};

/** `open("/log", O_WRONLY|O_CREAT, 0600)` */
export function labelOf(name: string, args: readonly unknown[]): string {
  const shown = args.map((arg, i) => {
    if (typeof arg !== 'number') return showValue(arg);
    if (FLAGS[name] === i) return showFlags(arg);
    return MODES[name] === i ? `0${arg.toString(8)}` : String(arg);
  });
  return `${name}(${shown.join(', ')})`;
}

const ACCESS = ['O_RDONLY', 'O_WRONLY', 'O_RDWR', 'O_ACCMODE'];
const BITS = Object.entries(O).filter(([, bits]) => bits > O.ACCMODE);

function showFlags(flags: number): string {
  const names = [ACCESS[flags & O.ACCMODE]];
  let left = flags & ~O.ACCMODE;
  // The one that is made of others first.
  for (const [name, bits] of [...BITS].sort(([, a], [, b]) => b - a)) {
    if ((left & bits) !== bits) continue;
    names.push(`O_${name}`);
    left &= ~bits;
  }
  if (left !== 0) names.push(`0${left.toString(8)}`);
  return names.join('|');
}

/** A value in a line. */
export function showValue(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (isStat(value)) return showStat(value);
  return typeof value === 'string' && value.length > TEXT_MAX
    ? `${JSON.stringify(value.slice(0, TEXT_MAX))}...`
    : (JSON.stringify(value) ?? 'undefined');
}

const KINDS: Readonly<Record<number, string>> = {
  0o040000: 'S_IFDIR',
  0o100000: 'S_IFREG',
  0o120000: 'S_IFLNK',
};

function isStat(value: unknown): value is FileStat {
  return typeof value === 'object' && value !== null && 'ino' in value && 'generation' in value;
}

/** What tells files apart in a story, as strace writes it. */
function showStat({ ino, mode, nlink, uid, size, mtime, btime, generation }: FileStat): string {
  const kind = KINDS[mode & 0o170000] ?? '0';
  const permissions = (mode & 0o7777).toString(8).padStart(4, '0');
  const shown = { ino, mode: `${kind}|${permissions}`, nlink, uid, size, mtime, btime, generation };
  const fields = Object.entries(shown).map(([name, value]) => `st_${name}=${value}`);
  return `{${fields.join(', ')}}`;
}

/** What a call answered: a value, or the name of an error. */
export function showAnswer(answer: unknown): string {
  return typeof answer === 'number' && answer < 0 ? errnoName(answer) : showValue(answer);
}
