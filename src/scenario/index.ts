/** Scenarios, variants, and how to find them by name. */

import { MisuseError } from '../machine/index.js';
import { nearest } from '../vfs/index.js';
import { STASH_SCENARIOS } from './catalogue/stash.js';
import type { Scenario } from './scenario.js';
import type { Variant } from './variant.js';
import { NEWEST_VARIANT, VARIANTS } from './variants/index.js';

export { STASH_INVARIANTS } from './invariants.js';
export { programOf, type Call, type Scenario, type ScenarioOptions } from './scenario.js';
export { record, type Recording } from './record.js';
export {
  decodeSchedule,
  decodeToken,
  encodeSchedule,
  encodeToken,
  type TokenContent,
} from './token.js';
export type { Variant } from './variant.js';
export { NEWEST_VARIANT, VARIANTS };

/** Every shipped scenario. */
export const SCENARIOS: readonly Scenario[] = STASH_SCENARIOS;

/** The scenario of this name. @throws MisuseError that names the nearest */
export function findScenario(name: string): Scenario {
  return find('scenario', SCENARIOS, name);
}

/** The variant of this name; a mutation also without its `mutation/`. @throws MisuseError */
export function findVariant(name: string): Variant {
  const short = VARIANTS.find((variant) => variant.name === `mutation/${name}`);
  return short ?? find('variant', VARIANTS, name);
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
