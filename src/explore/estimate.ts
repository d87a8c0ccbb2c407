/**
 * How many executions there are in all, from the parts of a search that have been explored so far.
 *
 * Parts are begun in a shuffled order, so those that were begun are a fair sample. Those that are
 * finished are not, since short ones finish first: a part under way counts as well, as one that is
 * as long as the finished ones that are longer than it is so far. Invariant: the error is at least
 * what the largest part seen makes of the rest, for a part that is as large may be among them.
 */

/** How many executions there are in all, as far as is known. */
export interface Estimate {
  readonly executions: number;
  /** One standard error, or what is said above. */
  readonly error: number;
}

/** Parts that must have been begun before anything is said. */
const BEGUN_MIN = 8;
/** And those that must be finished, as a part of all: the largest are among the last to be. */
const FINISHED_MIN = 0.1;

/**
 * Estimate a total.
 * @param finished executions of the parts that are done
 * @param underWay executions so far of those that are not
 * @param parts number of all parts
 * @returns null if too few parts are known
 */
export function extrapolate(
  finished: readonly number[],
  underWay: readonly number[],
  parts: number,
): Estimate | null {
  const begun = finished.length + underWay.length;
  const isEnough = begun >= BEGUN_MIN && finished.length >= FINISHED_MIN * parts;
  if (!isEnough && finished.length < parts) return null;
  const guessed = underWay.map((soFar) => {
    const longer = finished.filter((size) => size > soFar);
    return longer.length === 0 ? 2 * soFar : sum(longer) / longer.length;
  });
  const sizes = [...finished, ...guessed];
  const mean = sum(sizes) / begun;
  const variance = sum(sizes.map((size) => (size - mean) ** 2)) / Math.max(1, begun - 1);
  const rest = parts - begun;
  const sampling = Math.sqrt((variance * parts * rest) / begun);
  const skew = (rest * Math.max(...sizes)) / begun;
  const guessing = sum(guessed) - sum(underWay);
  return {
    executions: sum(sizes) + rest * mean,
    error: Math.hypot(Math.max(sampling, skew), guessing),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
