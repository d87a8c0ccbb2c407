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

/** An invariant of the kernel, and what checks it here. */
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

/** The kernel's invariants, and what checks each; docs/invariants.md has the same. */
export const KERNEL_INVARIANTS: readonly KernelInvariant[] = [
  checked(
    1,
    'A',
    'a reference count is dead or not negative',
    'a rule on each write of a count, in every run',
  ),
  checked(2, 'A', 'dead is for ever', 'a rule on each write of a count, in every run'),
  checked(
    3,
    'A',
    'a dentry is marked dead under d_lock, with count 0',
    'a rule on each write of a count, in every run',
  ),
  checked(
    4,
    'A',
    'nobody but the holder changes a locked count',
    'a rule on each write of a count, in every run (not with --lockref counter, whose point it is)',
  ),
  checked(
    5,
    'A',
    'a get succeeds only on a count that allows it',
    'a rule on each write of a count, in every run, by the operation that writes',
  ),
  checked(
    6,
    'A',
    'the fast path never writes a locked word, and gives up at last',
    'a rule on each write of a count, in every run (not with --lockref counter); that the hundredth failure takes the lock: test/lockref',
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
  checked(
    17,
    'A',
    'an offline CPU runs nothing and is not waited for',
    'with --rcu tree: a rule on who owes a quiescent state, and on the start of a callback, in every run; ' +
      'a warning in call_rcu (the other levels have no CPUs that go)',
  ),
  checked(
    18,
    'L',
    'hashed means not dead',
    'a rule when d_lock is given back, and at rest, in every run',
  ),
  checked(
    19,
    'L',
    'a dentry is on the alias list of its inode and of no other',
    'a rule when i_lock or d_lock is given back, and at rest, in every run',
  ),
  checked(
    20,
    'L',
    'negative means type MISS; positive means a living inode',
    'a rule when d_lock is given back, and at rest, in every run',
  ),
  checked(
    21,
    'L',
    'LRU and shrink flags are a legal pair and match the lists',
    'a rule when d_lock is given back, and at rest, in every run; a private shrink list is seen by its flags only',
  ),
  checked(
    22,
    'L',
    'a dentry in look-up is negative, unhashed and alive',
    'a rule when d_lock is given back, and at rest, in every run',
  ),
  checked(
    23,
    'A',
    'd_seq is odd only under d_lock, and moves with what it guards',
    'a rule on each write of d_seq, d_inode, d_parent, d_name and the hash link, in every run',
  ),
  checked(
    24,
    'A',
    'a parent is alive and counts its children',
    'a rule when d_lock is given back, and at rest, in every run',
  ),
  checked(
    25,
    'L',
    'killed means dead, negative, unhashed and off its parent',
    'a rule when d_lock is given back, and at rest, in every run',
  ),
  checked(
    26,
    'A',
    'd_prune once, after dead, before unhash and iput; d_release once',
    'a rule in front of d_prune and d_release and at the end of the memory, in every run',
  ),
  checked(
    27,
    'A',
    'dentry_free once, of a dead negative dentry on no list',
    'a rule at the end of the memory, in every run; a warning in dentry_free; KASAN (twice)',
  ),
  checked(
    28,
    'A',
    'no dput of a dead or unused dentry, no dget of an unused one',
    'a rule on each write of a count, in every run; a warning in fast_dput',
  ),
  checked(
    29,
    'Q',
    'an unused living dentry is hashed and on the LRU list',
    'a rule at rest, in every run',
  ),
  checked(
    30,
    'Q',
    'the counters of dentries are right',
    'a rule at rest, in every run, for nr_unused and nr_negative; nr_dentry is not kept',
  ),
  checked(
    31,
    'A',
    'a name is inline or counted, and never changes once published',
    'a rule when d_lock is given back, and at rest, in every run; a rule on each write of the count of an external name',
  ),
  checked(
    32,
    'A',
    'no cycle in d_parent, one super block per tree',
    'a rule on each write of d_parent, in every run',
  ),
  checked(
    33,
    'A',
    'the lock order is kept',
    'lockdep in every run; a rule on each second d_lock that is taken: of a relative, or with rename_lock',
  ),
  checked(
    34,
    'E',
    'a look-up returns what had that parent and name at one instant',
    'a rule on the reference that __d_lookup takes, in every run; what is missed: test/dcache',
  ),
  checked(
    35,
    'A',
    'a directory has at most one alias',
    'a rule on each write of the alias list, in every run',
  ),
  checked(
    36,
    'L',
    'a hashed dentry is in its bucket, once',
    'a rule when d_lock is given back, and at rest, in every run',
  ),
  checked(
    37,
    'A',
    'no reference on an inode that is being freed',
    'a rule on each write of i_count and i_state, in every run; a warning in ihold and evict',
  ),
  checked(
    38,
    'A',
    'an inode is evicted and cleared once, in order',
    'a rule on each write of i_state, in every run; a warning in clear_inode and evict',
  ),
  checked(
    39,
    'A',
    'an evicted inode is on no list; a destroyed one is unhashed',
    'a rule when an inode is cleared and when its memory ends, in every run',
  ),
  checked(
    40,
    'Q',
    'i_count is the number of positive dentries and holders',
    'a rule at rest, in every run: no less than the dentries; stash scenarios: references are balanced',
  ),
  checked(
    41,
    'A',
    'one living inode in the hash per number',
    'a rule on each write of a bucket by those that look up by number, in every run',
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
    'a rule at rest, in every run; a warning in generic_shutdown_super',
  ),
  checked(
    44,
    'A',
    'a number has one owner at a time; counters never repeat',
    'a rule on each number given to a process or namespace and on each step of a counter, in every run',
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
  checked(
    59,
    'A',
    'what a process leaves behind is set once',
    'a rule on each write of pid->attr, in every run with processes',
  ),
  checked(
    60,
    'A',
    'a namespace counts its inodes as active users',
    'a rule on each write of the count of users, and at rest, in every run with processes',
  ),
  checked(
    61,
    'Q',
    'one living inode per number in the stash',
    'a rule at rest, in every run; stash scenarios: no memory leak',
  ),
  checked(
    62,
    'E',
    'a lockless walk leaks no reference',
    'a rule at rest, in every run with processes: each count is the number of its owners',
  ),
  checked(
    63,
    'A',
    '-ECHILD and -ESTALE stay inside the walk',
    'a rule on the answer of each system call, in every run with processes',
  ),
  checked(
    64,
    'A',
    'a file holds one dentry and one mount reference',
    'a rule at rest, in every run with processes; stash scenarios: an open handle holds a reference',
  ),
  checked(
    65,
    'A',
    'an unlinked open file lives until it is closed',
    'a rule when an inode is cleared, in every run with processes',
  ),
];

/** The table as it stands in docs/invariants.md. */
export function invariantTable(): string {
  const rows = KERNEL_INVARIANTS.map(
    ({ id, class: kind, text, checkedBy, whyNot }) =>
      `| ${id} | ${kind} | ${text} | ${checkedBy ?? `**not checked**: ${whyNot ?? ''}`} |`,
  );
  return ['| | class | invariant | checked by |', '|---|---|---|---|', ...rows].join('\n');
}
