/**
 * What has to hold of the kernel, and where it is looked at: sixty-five invariants.
 *
 * Invariant: each one names either what checks it or why nothing does; docs/invariants.md is this
 * table. The sanitizers are the machine's, which look at every step of every run.
 */

/** When it can be said that one holds: after every step, while a lock is free, ... */
export const INVARIANT_CLASSES = {
  A: 'after every step',
  L: 'while the lock is free',
  G: 'at grace periods and frees',
  Q: 'at rest',
  E: 'when a call returns',
} as const;

export interface KernelInvariant {
  readonly id: number;
  readonly class: keyof typeof INVARIANT_CLASSES;
  readonly text: string;
  /** What checks it; null if nothing does. */
  readonly checkedBy: string | null;
  /** Why nothing checks it; null if something does. */
  readonly whyNot: string | null;
}

const checked = (
  id: number,
  kind: KernelInvariant['class'],
  text: string,
  checkedBy: string,
): KernelInvariant => ({ id, class: kind, text, checkedBy, whyNot: null });

const unchecked = (
  id: number,
  kind: KernelInvariant['class'],
  text: string,
  whyNot: string,
): KernelInvariant => ({ id, class: kind, text, checkedBy: null, whyNot });

export const KERNEL_INVARIANTS: readonly KernelInvariant[] = [
  unchecked(
    1,
    'A',
    'a reference count is dead or not negative',
    'no rule looks at each write of a count yet',
  ),
  unchecked(2, 'A', 'dead is for ever', 'no rule looks at each write of a count yet'),
  unchecked(
    3,
    'A',
    'a dentry is marked dead under d_lock, with count 0',
    'no rule looks at each write of a count yet',
  ),
  unchecked(
    4,
    'A',
    'nobody but the holder changes a locked count',
    'no rule looks at each write of a count yet',
  ),
  unchecked(
    5,
    'A',
    'a get succeeds only on a count that allows it',
    'no rule looks at each write of a count yet',
  ),
  unchecked(
    6,
    'A',
    'the fast path never writes a locked word, and gives up at last',
    'no rule looks at each write of a count yet',
  ),
  checked(
    7,
    'Q',
    'a count is the number of its references',
    'stash scenarios, at rest: references are balanced',
  ),
  checked(
    8,
    'A',
    'a lockref call leaves the lock as it promises',
    'lockdep in every run, for its callers: bad unlock balance, recursive locking, lock held at task exit',
  ),
  checked(
    9,
    'A',
    'reader nesting is never negative, and zero at exit and at every sleep',
    'RCU and atomic-sleep sanitizers in every run',
  ),
  checked(
    10,
    'G',
    'a grace period ends after the readers that were there before',
    'by construction of section tokens; tested by test/rcu against every interleaving',
  ),
  checked(
    11,
    'G',
    'a callback runs once, after a full grace period',
    'as 10; the order of callbacks of one CPU is not kept, see docs/fidelity.md',
  ),
  checked(
    12,
    'A',
    'a head is queued once until its callback starts',
    'RCU sanitizer in every run: ODEBUG',
  ),
  checked(13, 'G', 'what RCU freed is not touched, and freed by nobody else', 'KASAN in every run'),
  checked(
    14,
    'E',
    'synchronize_rcu waits for the readers it found; never inside one',
    'as 10; atomic-sleep sanitizer in every run',
  ),
  checked(
    15,
    'E',
    'rcu_barrier waits for the callbacks queued before it',
    'by construction: it joins them; tested by test/rcu',
  ),
  checked(
    16,
    'A',
    'a protected pointer is dereferenced inside a reader, under its lock, or with a reference',
    'RCU sanitizer in every run for rcu_dereference and rcu_dereference_protected; KASAN for the rest',
  ),
  unchecked(
    17,
    'A',
    'an offline CPU runs nothing and is not waited for',
    'CPUs do not go offline here',
  ),
  unchecked(18, 'L', 'hashed means not dead', 'there is no hash table of dentries yet'),
  unchecked(
    19,
    'L',
    'a dentry is on the alias list of its inode and of no other',
    'no rule looks at the alias list yet',
  ),
  unchecked(
    20,
    'L',
    'negative means type MISS; positive means a living inode',
    'no rule looks at the type bits yet; a wrong inode of an open dentry is found by the stash scenarios',
  ),
  unchecked(
    21,
    'L',
    'LRU and shrink flags are a legal pair and match the lists',
    'there are no shrinkers of dentries yet',
  ),
  unchecked(
    22,
    'L',
    'a dentry in look-up is negative, unhashed and alive',
    'there is no parallel look-up yet',
  ),
  unchecked(
    23,
    'A',
    'd_seq is odd only under d_lock, and moves with what it guards',
    'no rule looks at each write of d_seq yet',
  ),
  unchecked(
    24,
    'A',
    'a parent is alive and counts its children',
    'no rule looks at parents yet; a parent that is freed too early is found by KASAN',
  ),
  unchecked(
    25,
    'L',
    'killed means dead, negative, unhashed and off its parent',
    'dentries have no list of children yet',
  ),
  unchecked(
    26,
    'A',
    'd_prune once, after dead, before unhash and iput; d_release once',
    'no rule counts the hooks yet; their wrong order is found by KASAN and by 46',
  ),
  checked(
    27,
    'A',
    'dentry_free once, of a dead negative dentry on no list',
    'a warning in dentry_free (positive), KASAN in every run (twice)',
  ),
  checked(
    28,
    'A',
    'no dput of a dead or unused dentry, no dget of an unused one',
    'a warning in fast_dput; the other half by 7',
  ),
  checked(
    29,
    'Q',
    'an unused living dentry is hashed and on the LRU list',
    'stash scenarios, at rest: no memory leak',
  ),
  unchecked(
    30,
    'Q',
    'the counters of dentries are right',
    'statistics without effect; the machine counts live objects itself',
  ),
  unchecked(
    31,
    'A',
    'a name is inline or counted, and never changes once published',
    'names are constants of a dentry here',
  ),
  unchecked(
    32,
    'A',
    'no cycle in d_parent, one super block per tree',
    'nothing moves dentries yet',
  ),
  checked(33, 'A', 'the lock order is kept', 'lockdep in every run'),
  unchecked(
    34,
    'E',
    'a look-up returns what had that parent and name at one instant',
    'there is no look-up by name yet',
  ),
  unchecked(35, 'A', 'a directory has at most one alias', 'there are no directories yet'),
  unchecked(
    36,
    'L',
    'a hashed dentry is in its bucket, once',
    'there is no hash table of dentries yet',
  ),
  checked(
    37,
    'A',
    'no reference on an inode that is being freed',
    'a warning in ihold and evict; KASAN in every run; no rule looks at each write of i_count yet',
  ),
  checked(
    38,
    'A',
    'an inode is evicted and cleared once, in order',
    'a warning in clear_inode and evict',
  ),
  checked(
    39,
    'A',
    'an evicted inode is on no list; a destroyed one is unhashed',
    'a warning in evict and dispose_inode, for the lists',
  ),
  checked(
    40,
    'Q',
    'i_count is the number of positive dentries and holders',
    'stash scenarios, at rest: no memory leak, references are balanced',
  ),
  checked(
    41,
    'A',
    'one living inode in the hash per number',
    'test/vfs/inode.test.ts, at rest; not in other scenarios',
  ),
  checked(
    42,
    'A',
    'a new inode is only waited for, and not dropped',
    'a warning in iput_final, unlock_new_inode and discard_new_inode',
  ),
  checked(
    43,
    'Q',
    'no unlinked unused inode is left; after umount none is',
    'a warning in generic_shutdown_super',
  ),
  unchecked(
    44,
    'A',
    'a number has one owner at a time; counters never repeat',
    'tested by test/vfs/numbers.test.ts, but not looked at in every run: a number freed twice is not reported',
  ),
  checked(45, 'A', 'the stash holds nothing, or a dentry of its own', 'a warning in check_stashed'),
  checked(
    46,
    'G',
    'the stash never holds freed memory',
    'KASAN in every run; stash scenarios, at rest: the stash holds what is open',
  ),
  checked(
    47,
    'A',
    'one living published dentry per object',
    'stash scenarios: one live dentry per object',
  ),
  checked(
    48,
    'A',
    'a dead dentry in the stash has not finished d_prune',
    'stash scenarios, at rest, through 46',
  ),
  checked(
    49,
    'A',
    'a living dentry in the stash is never replaced',
    'stash scenarios: an open dentry is in the stash',
  ),
  checked(
    50,
    'E',
    'path_from_stashed returns a living dentry of the object, referenced',
    'stash scenarios: an open handle holds a reference, an open dentry has the inode of its object',
  ),
  checked(
    51,
    'E',
    'path_from_stashed uses up one reference of the object',
    'stash scenarios, at rest: references are balanced',
  ),
  checked(52, 'A', 'the object outlives every access to its stash', 'KASAN in every run'),
  checked(
    53,
    'E',
    'two opens of a living dentry return the same one',
    'stash scenarios: one live dentry per object',
  ),
  checked(
    54,
    'A',
    'a loser is returned to nobody and killed once',
    'stash scenarios: an open dentry is in the stash; at rest: no memory leak',
  ),
  checked(
    55,
    'A',
    'a failed take-over means that another made progress',
    'the machine in every run: a loop that nobody can end is reported as a hung task',
  ),
  checked(
    56,
    'A',
    'nothing sleeps inside the guard of the stash',
    'atomic-sleep sanitizer in every run',
  ),
  checked(
    57,
    'Q',
    'all closed: the stash is empty and nothing is left',
    'stash scenarios, at rest; a warning in put_pid',
  ),
  checked(
    58,
    'A',
    'a failed allocation leaves the stash as it was',
    'stash scenarios with failing allocations: the same invariants',
  ),
  unchecked(59, 'A', 'what a process leaves behind is set once', 'pid->attr is missing'),
  unchecked(
    60,
    'A',
    'a namespace counts its inodes as active users',
    'active references are missing',
  ),
  checked(
    61,
    'Q',
    'one living inode per number in the stash',
    'stash scenarios, at rest: no memory leak',
  ),
  unchecked(62, 'E', 'a lockless walk leaks no reference', 'there is no path walk yet'),
  unchecked(63, 'A', '-ECHILD and -ESTALE stay inside the walk', 'there is no path walk yet'),
  checked(
    64,
    'A',
    'a file holds one dentry and one mount reference',
    'stash scenarios: an open handle holds a reference; mounts are missing',
  ),
  unchecked(65, 'A', 'an unlinked open file lives until it is closed', 'there is no unlink yet'),
];

/** The table as it stands in docs/invariants.md. */
export function invariantTable(): string {
  const rows = KERNEL_INVARIANTS.map(
    ({ id, class: kind, text, checkedBy, whyNot }) =>
      `| ${id} | ${kind} | ${text} | ${checkedBy ?? `**not checked**: ${whyNot ?? ''}`} |`,
  );
  return ['| | class | invariant | checked by |', '|---|---|---|---|', ...rows].join('\n');
}
