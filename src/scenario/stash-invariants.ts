/**
 * What must always hold of a stash, and what must hold when everybody is done.
 *
 * The first kind is looked at after every step that writes the stash, a reference count, an inode
 * pointer or the list of open handles. The second kind needs quiescence: all tasks ended and all
 * grace periods over; only then does a count say something.
 */

import {
  LIFE,
  REFCOUNT_PIN,
  type Cell,
  type FindingKind,
  type Invariant,
  type Machine,
} from '../machine/index.js';
import { count_of } from '../lockref/index.js';
import { Dentry } from '../dcache/index.js';
import { Inode, Pid, NsCommon, type StashedObject } from '../vfs/index.js';

/** Cells whose change makes the invariants worth looking at. */
export function watch(object: object): void {
  const cells: Cell<never>[] = [];
  if (object instanceof Dentry) cells.push(object.d_lockref as never, object.d_inode as never);
  if (object instanceof Pid || object instanceof NsCommon) {
    cells.push(object.stashed as never, object.handles.held as never, object.life as never);
  }
  for (const cell of cells) cell.watched = true;
}

function openHandles(data: StashedObject): readonly Dentry[] {
  return data.handles.open;
}

function isDead(dentry: Dentry): boolean {
  return count_of(dentry.d_lockref.value) < 0;
}

/** The invariants of one object's stash. */
export function stashInvariants(data: StashedObject): Invariant[] {
  const each =
    (check: (dentry: Dentry, handles: readonly Dentry[]) => string | null) => (): string | null => {
      const handles = openHandles(data);
      for (const dentry of handles) {
        const wrong = check(dentry, handles);
        if (wrong !== null) return wrong;
      }
      return null;
    };
  return [
    {
      name: 'one live dentry per object',
      check: each((dentry, handles) => {
        const other = handles.find((d) => d !== dentry && !isDead(d));
        return other === undefined || isDead(dentry)
          ? null
          : `${dentry.toString()} and ${other.toString()} are both open for ${data.toString()}`;
      }),
    },
    {
      name: 'an open dentry is in the stash',
      check: each((dentry) =>
        isDead(dentry) || data.life.value !== LIFE.live || data.stashed.value === dentry
          ? null
          : `${dentry.toString()} is open, but the stash holds ${String(data.stashed.value)}`,
      ),
    },
    {
      name: 'an open handle holds a reference',
      check: each((dentry, handles) => {
        const held = handles.filter((d) => d === dentry).length;
        const count = count_of(dentry.d_lockref.value);
        return count >= held ? null : `${dentry.toString()} has ${held} handles and count ${count}`;
      }),
    },
    {
      name: 'an open dentry has the inode of its object',
      check: each((dentry) => {
        const inode = dentry.d_inode.value as Inode | null;
        if (inode === null) return `${dentry.toString()} has no inode`;
        return inode.i_private.value === data ? null : `${dentry.toString()} is of another object`;
      }),
    },
  ];
}

/** The checks at quiescence. `reaped`: the creator's own reference was dropped. */
export function atQuiescence(machine: Machine, data: StashedObject, reaped: boolean): void {
  const handles = openHandles(data);
  const find = (kind: FindingKind, title: string, detail: string): void =>
    machine.addFinding({ kind, title, detail });
  const inodes = new Set(handles.map((dentry) => dentry.d_inode.value));
  for (const object of machine.allocated) {
    if (object.life.value !== LIFE.live) continue;
    const lost =
      (object instanceof Dentry && !handles.includes(object)) ||
      (object instanceof Inode && !inodes.has(object));
    if (lost) find('leak', `memory leak: ${object.kind}`, `${object.toString()} is never freed`);
  }
  for (const dentry of new Set(handles)) {
    const held = handles.filter((d) => d === dentry).length;
    const count = count_of(dentry.d_lockref.value);
    if (count !== held) {
      find(
        'invariant',
        'invariant: references are balanced',
        `${dentry.toString()} has count ${count} for ${held} handles`,
      );
    }
  }
  const alive = data.life.value === LIFE.live;
  const owners = (reaped ? 0 : 1) + inodes.size;
  const count = data.count.value - (reaped ? 0 : REFCOUNT_PIN);
  if (alive !== owners > 0 || (alive && count !== owners)) {
    find(
      'invariant',
      'invariant: references are balanced',
      `${data.toString()} has count ${count}, ${alive ? 'alive' : 'freed'}, for ${owners} owners`,
    );
  }
  if (alive && data.stashed.value !== (handles[0] ?? null)) {
    find(
      'invariant',
      'invariant: at rest the stash holds what is open',
      `the stash holds ${String(data.stashed.value)}`,
    );
  }
}

/** The names of all invariants of a stash scenario, for reports. */
export const STASH_INVARIANTS: readonly string[] = [
  'one live dentry per object',
  'an open dentry is in the stash',
  'an open handle holds a reference',
  'an open dentry has the inode of its object',
  'no -EAGAIN to the caller',
  'references are balanced',
  'at rest the stash holds what is open',
  'no memory leak',
];
