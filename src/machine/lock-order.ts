/**
 * The lock-order graph: which class of lock was held while which other was wanted.
 *
 * It grows over all interleavings of one exploration, so an inversion is found even if no explored
 * interleaving deadlocks. Invariant: an edge is added once, with the place where it was first seen; the
 * edge that closes a cycle reports it, and where the one was seen that leads back.
 * Mirrors the idea of kernel/locking/lockdep.c.
 */
/** Locks that are taken in a circle, and where the last edge of it was first seen. */
interface Cycle {
  readonly classes: readonly string[];
  readonly first: unknown;
}

export class LockOrder {
  readonly #after = new Map<string, Map<string, unknown>>();

  /**
   * Note that `wanted` is taken while `held` is held.
   * @param place of this edge, for reports
   * @returns the cycle, as class names, if this edge closes one for the first time; and the place of
   *   the edge that leads back to `held`
   */
  add(held: string, wanted: string, place: unknown): Cycle | null {
    let after = this.#after.get(held);
    if (after === undefined) {
      after = new Map();
      this.#after.set(held, after);
    }
    if (after.has(wanted)) return null;
    after.set(wanted, place);
    const back = this.#path(wanted, held, new Set());
    if (back === null) return null;
    const last = back.at(-2) ?? held;
    return { classes: [held, ...back], first: this.#after.get(last)?.get(held) };
  }

  #path(from: string, to: string, seen: Set<string>): string[] | null {
    if (from === to) return [from];
    seen.add(from);
    for (const next of this.#after.get(from)?.keys() ?? []) {
      if (seen.has(next)) continue;
      const rest = this.#path(next, to, seen);
      if (rest !== null) return [from, ...rest];
    }
    return null;
  }
}
