/** Scenarios, variants, and how to find them by name. */

import { MisuseError } from '../machine/index.js';
import { nearest } from '../vfs/index.js';
import { LESSON_SCENARIOS } from './catalogue/lessons/index.js';
import { RACES } from './catalogue/races/index.js';
import { stall } from './catalogue/rcu/stall.js';
import { STASH_SCENARIOS } from './catalogue/stash.js';
import type { Scenario } from './scenario.js';
import type { Variant } from './variant.js';

export {
  kernelFor,
  machineFor,
  programOf,
  type History,
  type Scenario,
  type ScenarioOptions,
} from './scenario.js';
export { scenario, type Check, type OwnScenario, type ScenarioParts } from './define.js';
export { traceExplanationOf } from './explained.js';
export { make_entry, make_inode, make_root, plain_super } from './tree.js';
export { stashScenario, type Call } from './stash.js';
export { kernelSourceOf } from './kernel-source.js';
export {
  INVARIANT_CLASSES,
  invariantTable,
  KERNEL_INVARIANTS,
  type KernelInvariant,
} from './invariant-table.js';
export { positionAfter, type Pending, type Position } from './position.js';
export { record, type Recording } from './record.js';
export { semanticsOf, tokenOfRun } from './semantics.js';
export {
  decodeSchedule,
  decodeToken,
  encodeSchedule,
  encodeToken,
  type TokenContent,
} from './token.js';
export type { Variant } from './variant.js';

export { WEAK_MEMORY_RACES, type WeakMemoryRace } from './catalogue/races/weak-memory.js';

/** Every shipped scenario. */
export const SCENARIOS: readonly Scenario[] = [
  ...STASH_SCENARIOS,
  ...RACES,
  stall,
  ...LESSON_SCENARIOS,
];

/** The scenario of this name. @throws MisuseError that names the nearest */
export function findScenario(name: string): Scenario {
  return find('scenario', SCENARIOS, name);
}

/**
 * A scenario's variant of this name, a mutation also without its `mutation/`; the newest if there is
 * no name. @throws MisuseError that names the nearest
 */
export function findVariant(scenario: Scenario, name: string = scenario.newest): Variant {
  const { variants } = scenario;
  const short = variants.find((variant) => variant.name === `mutation/${name}`);
  return short ?? find(`variant of ${scenario.name}`, variants, name);
}

/** Every variant of any of the scenarios, each name once. */
export function variantsOf(scenarios: readonly Scenario[]): Variant[] {
  const byName = new Map<string, Variant>();
  for (const variant of scenarios.flatMap(({ variants }) => variants)) {
    if (!byName.has(variant.name)) byName.set(variant.name, variant);
  }
  return [...byName.values()];
}

function find<T extends { readonly name: string }>(
  what: string,
  all: readonly T[],
  name: string,
): T {
  const found = all.find((item) => item.name === name);
  if (found !== undefined) return found;
  const near = nearest(
    name,
    all.map((item) => item.name),
  );
  throw new MisuseError(`there is no ${what} '${name}'; the nearest are ${near.join(', ')}`);
}
