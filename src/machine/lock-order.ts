/**
 * The lock-order graph: which class of lock was held while which other was wanted.
 *
 * It grows over all interleavings of one exploration, so an inversion is found even if no explored
 * interleaving deadlocks. Invariant: an edge is added once; the edge that closes a cycle reports it.
 * Mirrors the idea of kernel/locking/lockdep.c.
 */
export class LockOrder {
  readonly #after = new Map<string, Set<string>>();

  /**
   * Note that `wanted` is taken while `held` is held.
   * @returns the cycle, as class names, if this edge closes one for the first time
   */
  add(held: string, wanted: string): string[] | null {
    let after = this.#after.get(held);
    if (after === undefined) {
      after = new Set();
      this.#after.set(held, after);
    }
    if (after.has(wanted)) return null;
    after.add(wanted);
    const back = this.#path(wanted, held, new Set());
    return back === null ? null : [held, ...back];
  }

  #path(from: string, to: string, seen: Set<string>): string[] | null {
    if (from === to) return [from];
    seen.add(from);
    for (const next of this.#after.get(from) ?? []) {
      if (seen.has(next)) continue;
      const rest = this.#path(next, to, seen);
      if (rest !== null) return [from, ...rest];
    }
    return null;
  }
}
