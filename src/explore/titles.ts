/**
 * Titles of findings, in the form syzbot uses: the kernel function is taken from the stack of the
 * task at the operation that failed.
 */

import { Node, type Finding, type Machine, type Place } from '../machine/index.js';

/** One frame of kernel code. */
export interface Frame {
  readonly fn: string;
  /** Path as the runtime knows it; ends in `src/…` or `dist/…`. */
  readonly file: string;
  readonly line: number;
}

/** Where this package is: as a dependency of somebody's, below node_modules itself. */
const OWN_FOLDER = decodeURI(new URL('..', import.meta.url).pathname);

/** Is this the code of another package? */
function isForeign(file: string): boolean {
  return file.includes('node_modules') && !file.includes(OWN_FOLDER);
}

/** The kernel functions of a recorded stack, innermost first; frames of the machine are left out. */
export function framesOf(stack: string): Frame[] {
  const frames: Frame[] = [];
  for (const text of stack.split('\n')) {
    const match = /^\s+at (?:Object\.|Module\.)?(\S+) \((.*):(\d+):\d+\)$/.exec(text);
    if (match === null) continue;
    const [, fn, file, line] = match as unknown as [string, string, string, string];
    if (fn.endsWith('.next') || /[\\/](machine|explore)[\\/]/.test(file)) continue;
    if (file.startsWith('node:') || isForeign(file)) continue;
    const name = fn.replace(/^.*\./, '');
    // Upper case marks what is a macro in C: it has no frame there either.
    if (name === name.toUpperCase()) continue;
    frames.push({ fn: name, file, line: Number(line) });
  }
  return frames;
}

/** The kernel function that a task is in at a place. */
export function functionAt(machine: Machine, place: Place): string {
  if (!(place.node instanceof Node)) return 'unknown';
  const frames = framesOf(machine.stackAt(place.node));
  return frames[0]?.fn ?? 'the task itself';
}

/** The finding's title with function names filled in. Costs a replay of the tasks it names. */
export function titleOf(machine: Machine, finding: Finding): string {
  let { title } = finding;
  if (finding.place !== null && title.includes('%f')) {
    const f = functionAt(machine, finding.place);
    if (finding.other === null) return title.replace('%f', f);
    const g = functionAt(machine, finding.other);
    // A race has no first side: sorting makes one title of it.
    const [a, b] = [f, g].sort() as [string, string];
    title = title.replace('%f', a).replace('%g', b);
  }
  return title;
}

/** The finding's detail; of a lock order, with the function in which the other one was seen first. */
export function detailOf(machine: Machine, { detail, first }: Finding): string {
  if (!(first instanceof Node)) return detail;
  return `${detail}; the other order was seen first in ${functionAt(machine, { task: -1, node: first })}`;
}
