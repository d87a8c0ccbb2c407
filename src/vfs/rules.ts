/**
 * What must hold of each write to an inode, and of inodes once nobody runs.
 *
 * Invariant: a rule reads what its writer has locked, or what only goes one way; the names are those
 * of docs/invariants.md.
 */

import { LIFE, type Machine, type Write } from '../machine/index.js';
import { dcache_at_rest, rule_aliases, within, type RuledKernel } from '../dcache/index.js';
import { I_CLEAR, I_FREEING, I_WILL_FREE, Inode, LRU, S_IFREG } from './inode.js';
import type { InoCounter } from './ino.js';
import type { VfsKernel } from './kernel.js';
import type { StashedObject } from './stashed.js';

const GOING = I_FREEING | I_WILL_FREE;

const REFERENCES = 'no reference on an inode that is being freed';
const ORDER = 'an inode is evicted and cleared once, in order';
const LISTS = 'an evicted inode is on no list; a destroyed one is unhashed';
const NUMBERS = 'one living inode in the hash per number';
const OWNERS = 'a number has one owner at a time; counters never repeat';

function count_rule(write: Write, inode: Inode): void {
  const was = write.old as number;
  const now = inode.i_count.value;
  const going = (inode.i_state.value & GOING) !== 0;
  if (now < 0 || (now > was && going)) {
    write.broken(
      REFERENCES,
      `${inode.toString()}: count ${was} -> ${now}${going ? ', I_FREEING' : ''}`,
    );
  }
}

function state_rule(write: Write, inode: Inode): void {
  const was = write.old as number;
  const now = inode.i_state.value;
  const change = `${inode.toString()}: i_state ${was.toString(16)} -> ${now.toString(16)}`;
  const begins = (now & GOING) !== 0 && (was & GOING) === 0;
  if (begins && (inode.i_count.value !== 0 || !write.holds(inode.i_lock))) {
    const lock = write.holds(inode.i_lock) ? '' : ', without i_lock';
    write.broken(REFERENCES, `${change} with count ${inode.i_count.value}${lock}`);
  }
  const cleared = (now & I_CLEAR) !== 0;
  const in_order =
    (was & I_CLEAR) === 0 &&
    ((was & I_FREEING) === 0 || (now & I_FREEING) !== 0) &&
    (!cleared || (was & I_FREEING) !== 0);
  if (!in_order) write.broken(ORDER, change);
  if (cleared) lists_rule(write, inode, false);
}

function lists_rule(write: Write, inode: Inode, destroyed: boolean): void {
  const on = [
    ...((inode.i_dentry.value?.items.length ?? 0) > 0 ? ['has a dentry'] : []),
    ...(inode.i_lru.value !== LRU.none ? ['is on the list of unused ones'] : []),
    ...(inode.i_sb_list.value ? ['is on s_inodes'] : []),
    ...(destroyed && inode.i_hashed.value ? ['is hashed'] : []),
  ];
  if (on.length > 0) write.broken(LISTS, `${inode.toString()} ${on.join(', ')}`);
}

/** Whoever puts an inode into the hash by its number has looked for another one. */
function hash_rule(ruled: RuledKernel, write: Write): void {
  const inodes = ((write.cell.value ?? []) as Iterable<Inode>)[Symbol.iterator]();
  const first = inodes.next();
  if (first.done === true) return;
  const by_number = ['iget_locked', 'insert_inode_locked', 'insert_inode_hash'];
  if (by_number.every((name) => within(ruled, write, name) === null)) return;
  const fresh = first.value;
  for (const other of { [Symbol.iterator]: () => inodes }) {
    if (other.i_sb !== fresh.i_sb || other.i_ino.value !== fresh.i_ino.value) continue;
    if ((other.i_state.value & GOING) !== 0) continue;
    write.broken(NUMBERS, `${fresh.toString()} and ${other.toString()} are ${fresh.i_ino.value}`);
  }
}

/** The rules of an inode's fields. */
export function rule_inode(inode: Inode): void {
  rule_aliases(inode);
  inode.i_count.rule = (write) => count_rule(write, inode);
  inode.i_state.rule = (write) => state_rule(write, inode);
  inode.life.rule = (write) => lists_rule(write, inode, true);
}

/** The rules of the inode hash. */
export function rule_inode_hash(ruled: RuledKernel, k: VfsKernel): void {
  for (const bucket of k.inode_hashtable.buckets) {
    bucket.rule = (write) => hash_rule(ruled, write);
  }
}

/** No two objects of one kind have one number while both live. */
export function rule_number(machine: Machine, object: StashedObject): void {
  // When its memory goes matters to who is given its number.
  object.life.watched = true;
  object.ino.rule = (write) => {
    const twin = machine.allocated.find(
      (other) =>
        other !== object &&
        other.kind === object.kind &&
        other.life.value === LIFE.live &&
        (other as StashedObject).ino.value === object.ino.value,
    );
    if (twin !== undefined) {
      write.broken(OWNERS, `${object.toString()} and ${twin.toString()} are ${object.ino.value}`);
    }
  };
}

/** Numbers that count up never come back. */
export function rule_counter({ last }: InoCounter): void {
  last.rule = (write) => {
    if (last.value <= (write.old as number)) {
      write.broken(OWNERS, `${last.toString()}: ${String(write.old)} -> ${last.value}`);
    }
  };
}

/** What holds of a kernel once nobody runs. */
export function kernel_at_rest(machine: Machine, k: VfsKernel): void {
  dcache_at_rest(machine, k);
  const tell = (name: string, detail: string): void =>
    machine.addFinding({ kind: 'invariant', title: `invariant: ${name}`, detail });
  const numbers = new Set<string>();
  for (const inode of new Set(machine.allocated)) {
    if (!(inode instanceof Inode) || inode.life.value !== LIFE.live) continue;
    const aliases = inode.i_dentry.value?.items.length ?? 0;
    const count = inode.i_count.value;
    if (count < aliases) {
      tell(
        'i_count is the number of positive dentries and holders',
        `${inode.toString()} has ${aliases} dentries and count ${count}`,
      );
    }
    if (count === 0 && inode.i_nlink.value === 0) {
      tell('no unlinked unused inode is left; after umount none is', inode.toString());
    }
    if (inode.i_sb !== k.pidfs && inode.i_sb !== k.nsfs) continue;
    // The root, which nobody sees, has a number of its own.
    if ((inode.i_mode.value & S_IFREG) === 0) continue;
    const number = `${inode.i_sb.toString()} ${inode.i_ino.value}`;
    if (numbers.has(number)) tell('one living inode per number in the stash', number);
    numbers.add(number);
  }
}
