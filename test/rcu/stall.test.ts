/** A grace period that can never end is a verdict of its own, with the kernel's words. */

import { describe, expect, test } from 'vitest';
import { explore } from '../../src/explore/index.js';
import { findScenario, findVariant, programOf, record } from '../../src/scenario/index.js';
import { splat } from '../../src/trace/index.js';

const STALL = 'INFO: rcu detected stall: a grace period can never end';

const scenario = findScenario('rcu/stall');

describe.each(['abstract', 'fifo', 'tree'] as const)('rcu/stall, level %s', (rcu) => {
  test('is found, and printed as the kernel prints it', () => {
    const program = programOf(scenario, { variant: findVariant(scenario, 'spins'), rcu });
    const { verdict, bugs } = explore(program);
    expect({ verdict, title: bugs[0]?.title }).toEqual({ verdict: 'VIOLATED', title: STALL });
    const { trace } = record(program, bugs[0].schedule);
    const text = splat(trace);
    expect(text).toContain('rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:');
    expect(text).toMatch(/rcu: \t0-\.\.\.: kthread waits inside a reader/);
  });

  test('is gone when the thread waits outside its reader', () => {
    const program = programOf(scenario, { variant: findVariant(scenario, 'looks'), rcu });
    expect(explore(program)).toMatchObject({ verdict: 'HOLDS', complete: true });
  });
});
