/**
 * Counting Mazurkiewicz traces the slow way: run every interleaving, write down which conflicting
 * events came in which order, and count the different results. It shares nothing with the reduction
 * that it checks but the accesses that the machine reports for a step.
 */

import type { Program } from '../../src/explore/index.js';
import type { Cell } from '../../src/machine/index.js';

const READ = 0;

/** @returns the number of traces, or null if there are more interleavings than `interleavingsMax` */
export function countTraces(program: Program, interleavingsMax = 300_000): number | null {
  const { machine } = program.build({ commutingSnapshots: true });
  const traces = new Set<string>();
  const path: { name: string; accesses: { cell: Cell; writes: boolean }[] }[] = [];
  let interleavings = 0;

  /** For every pair of conflicting events, which came first; equal for equivalent interleavings. */
  function keyOf(): string {
    const pairs: string[] = [];
    for (const [j, second] of path.entries()) {
      for (const first of path.slice(0, j)) {
        const conflict = first.accesses.some((a) =>
          second.accesses.some((b) => a.cell === b.cell && (a.writes || b.writes)),
        );
        if (conflict) pairs.push(`${first.name}<${second.name}`);
      }
    }
    return [...path.map(({ name }) => name).sort(), ...pairs.sort()].join(' ');
  }

  function walk(): void {
    if (interleavings > interleavingsMax) return;
    let open = false;
    for (const task of [...machine.tasks]) {
      if (!machine.enabled(task)) continue;
      open = true;
      const ordinal = path.filter(({ name }) => name.startsWith(`${task.key}:`)).length;
      const mark = machine.mark();
      machine.step(task);
      const { cells, modes, count } = machine.accesses;
      const accesses = cells
        .slice(0, count)
        .map((cell, i) => ({ cell, writes: modes[i] !== READ }));
      path.push({ name: `${task.key}:${ordinal}`, accesses });
      walk();
      path.pop();
      machine.undo(mark);
    }
    if (open) return;
    interleavings += 1;
    traces.add(keyOf());
  }

  walk();
  return interleavings > interleavingsMax ? null : traces.size;
}
