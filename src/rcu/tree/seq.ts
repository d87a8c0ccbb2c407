/**
 * Grace-period sequence numbers: how far grace periods have come, in one word.
 *
 * Invariant: the two low bits say whether a grace period runs, the others count those that have
 * ended; numbers wrap around, so they are compared by their distance. A snapshot names the end of
 * the first grace period that begins after it was taken. Mirrors kernel/rcu/rcu.h.
 */

/** The low bits: 0 between grace periods, 1 while one runs. */
const RCU_SEQ_STATE_MASK = 3;

/** Does `a` come after `b`, or is it the same? Up to half of all numbers apart. */
function ULONG_CMP_GE(a: number, b: number): boolean {
  return ((a - b) | 0) >= 0;
}

/** The number once a grace period has begun. */
export function rcu_seq_start(seq: number): number {
  return (seq + 1) | 0;
}

/** The number once the grace period that runs has ended; the same as `seq` if none runs. */
export function rcu_seq_endval(seq: number): number {
  return (seq + RCU_SEQ_STATE_MASK) & ~RCU_SEQ_STATE_MASK;
}

/** Does a grace period run? */
export function rcu_seq_in_progress(seq: number): boolean {
  return (seq & RCU_SEQ_STATE_MASK) !== 0;
}

/**
 * The number at which a full grace period has passed since `seq` was read. One that runs already may
 * have begun too early, so it does not count: then it is the one after it.
 */
export function rcu_seq_snap_of(seq: number): number {
  return (seq + 2 * RCU_SEQ_STATE_MASK + 1) & ~RCU_SEQ_STATE_MASK;
}

/** Is the grace period that ends at `snap` over, when the number is `seq`? */
export function rcu_seq_done(seq: number, snap: number): boolean {
  return ULONG_CMP_GE(seq, snap);
}

/** Has the grace period that ends at `snap` begun? */
export function rcu_seq_started(seq: number, snap: number): boolean {
  return !ULONG_CMP_GE((snap - 1) & ~RCU_SEQ_STATE_MASK, seq);
}
