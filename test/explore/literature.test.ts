/**
 * Counts of the literature's programs: as published, by a closed form, or by an oracle that runs
 * every interleaving and counts the different orders of conflicting events.
 */

import { describe, expect, test } from 'vitest';
import { explore, type Program } from '../../src/explore/index.js';
import {
  casrot,
  casw,
  coherence,
  fib,
  filesystem,
  indexer,
  iriw,
  loadBuffering,
  peterson,
  storeBuffering,
  ticket,
  writesInARing,
} from '../support/literature.js';
import { ainc, lastzero, readers } from '../support/programs.js';
import { countTraces } from '../support/traces.js';

function executionsOf(program: Program): { executions: number; blocked: number } {
  const { executions, blocked, complete } = explore(program, { engine: 'dpor' });
  expect(complete).toBe(true);
  return { executions, blocked };
}

const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));

describe('as published', () => {
  // Flanagan and Godefroid (2005), table of Abdulla et al. (2014): no conflicts up to 11 tasks.
  test.each([
    [11, 1],
    [12, 8],
    [13, 64],
    [14, 512],
  ])('indexer(%i) has %i', (n, executions) => {
    expect(executionsOf(indexer(n))).toEqual({ executions, blocked: 0 });
  });

  test.each([
    [13, 1],
    [14, 2],
    [16, 8],
    [18, 32],
  ])('filesystem(%i) has %i', (n, executions) => {
    expect(executionsOf(filesystem(n))).toEqual({ executions, blocked: 0 });
  });
});

describe('by a closed form', () => {
  // Every variable's two conflicting accesses come in either order; only the one cyclic choice of
  // all N orders contradicts the order within the tasks.
  test.each([2, 3, 4, 6, 8])('rings of %i tasks have 2^N - 1', (n) => {
    for (const ring of [storeBuffering(n), loadBuffering(n), writesInARing(n)]) {
      expect(executionsOf(ring)).toEqual({ executions: 2 ** n - 1, blocked: 0 });
    }
  });

  test('independent reads of independent writes have 15 of 16', () => {
    expect(executionsOf(iriw())).toEqual({ executions: 15, blocked: 0 });
  });

  test.each([2, 3, 4, 5])('a ticket lock has N! (N = %i)', (n) => {
    expect(executionsOf(ticket(n))).toEqual({ executions: factorial(n), blocked: 0 });
  });

  test.each([2, 3, 5, 7])('one slot that the first of N takes has N (N = %i)', (n) => {
    expect(executionsOf(casw(n))).toEqual({ executions: n, blocked: 0 });
  });

  test.each([1, 2, 3, 4])(
    'N writers and two reads in a row have N! * (N+1)(N+2)/2 (N = %i)',
    (n) => {
      const executions = (factorial(n) * (n + 1) * (n + 2)) / 2;
      expect(executionsOf(coherence(n))).toEqual({ executions, blocked: 0 });
    },
  );
});

describe('as an oracle counts that runs every interleaving', () => {
  test.each([
    ainc(5),
    readers(4),
    lastzero(4),
    storeBuffering(4),
    loadBuffering(3),
    writesInARing(3),
    iriw(),
    casrot(4),
    casrot(5),
    casw(4),
    coherence(3),
    fib(1),
    fib(2),
    peterson(),
    ticket(3),
  ])('$name', (program) => {
    const executions = countTraces(program);
    expect(executions).not.toBeNull();
    expect(executionsOf(program)).toEqual({ executions, blocked: 0 });
  });
});
