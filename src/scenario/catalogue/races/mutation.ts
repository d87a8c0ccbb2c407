/** The mutations of the stash that are races of the catalogue too. */

import { MisuseError } from '../../../machine/index.js';
import type { Variant } from '../../variant.js';

/** The mutation of this name, without its prefix. */
export function mutation(all: readonly Variant[], name: string): Variant {
  const found = all.find((variant) => variant.name === `mutation/${name}`);
  if (found === undefined) throw new MisuseError(`there is no mutation '${name}'`);
  return found;
}
