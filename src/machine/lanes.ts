/**
 * 96-bit names by content: what states are hashed from.
 *
 * Invariant: a name depends on what a thing is (which task allocated it as its how-many-eth object,
 * which answers led to it), never on the order in which a machine met it. So two machines that run
 * the same program give equal states equal hashes, in another thread, another process or next week.
 */

/** A name in three independent lanes of 32 bits. */
export interface Lanes {
  l0: number;
  l1: number;
  l2: number;
}

/** One lane of the name of a pair. */
export function mix0(a: number, b: number): number {
  return scramble(Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 0x7f4a7c15, 0x85ebca6b));
}
/** See {@link mix0}. */
export function mix1(a: number, b: number): number {
  return scramble(Math.imul(a, 0xc2b2ae35) ^ Math.imul(b + 0x165667b1, 0x27d4eb2f));
}
/** See {@link mix0}. */
export function mix2(a: number, b: number): number {
  return scramble(Math.imul(a, 0xd6e8feb9) ^ Math.imul(b + 0x2545f491, 0xa0761d65));
}

function scramble(bits: number): number {
  let x = Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d);
  x = Math.imul(x ^ (x >>> 12), 0x297a2d39);
  return x ^ (x >>> 15);
}

/** Give `target` the name of the pair (a, b). */
export function namePair(target: Lanes, a: Lanes, b: Lanes): void {
  target.l0 = mix0(a.l0, b.l0);
  target.l1 = mix1(a.l1, b.l1);
  target.l2 = mix2(a.l2, b.l2);
}

/** The name of the pair (a, b). */
export function pair(a: Lanes, b: Lanes): Lanes {
  return { l0: mix0(a.l0, b.l0), l1: mix1(a.l1, b.l1), l2: mix2(a.l2, b.l2) };
}

/** The name of a whole number. */
export function number(value: number): Lanes {
  return numberInto({ l0: 0, l1: 0, l2: 0 }, value);
}

/** Give `target` the name of a whole number. */
export function numberInto(target: Lanes, value: number): Lanes {
  target.l0 = Math.imul(value + 1, 0x9e3779b1);
  target.l1 = Math.imul(value + 1, 0xc2b2ae35);
  target.l2 = Math.imul(value + 1, 0xd6e8feb9);
  return target;
}

/** The name of a text. */
export function text(value: string): Lanes {
  let lanes = number(value.length);
  for (let i = 0; i < value.length; i += 1) {
    const code = value.charCodeAt(i);
    lanes = {
      l0: mix0(lanes.l0, code),
      l1: mix1(lanes.l1, code),
      l2: mix2(lanes.l2, code),
    };
  }
  return lanes;
}

/** Lexicographic order of names: an order that every machine agrees on. */
export function compare(a: Lanes, b: Lanes): number {
  return a.l0 - b.l0 || a.l1 - b.l1 || a.l2 - b.l2;
}
