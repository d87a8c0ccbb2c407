/**
 * What all races of the catalogue have in common: two kernels, one as it was and one as it was
 * repaired, and the record of what happened.
 *
 * Invariant: both kernels run the same tasks; only the functions and flags of the variants differ.
 */

import {
  call,
  MisuseError,
  type Bound,
  type KernelFunction,
  type Machine,
} from '../../../machine/index.js';
import { kernel_function_names, type VfsKernel } from '../../../vfs/index.js';
import { kernelFor, type History, type Scenario, type ScenarioOptions } from '../../scenario.js';
import type { Variant } from '../../variant.js';

/** What a race's variant has of its own. */
export type Version = Partial<
  Pick<Variant, 'version' | 'functions' | 'd_op' | 'd_flags' | 'branches' | 'unruled'>
>;

export interface Race {
  /** Number and two or three words: `b01-by-value`. */
  readonly name: string;
  readonly title: string;
  readonly history: History;
  readonly buggy: Version;
  readonly fixed: Version;
  readonly invariants: readonly string[];
  readonly branches?: Scenario['branches'];
  readonly build: Scenario['build'];
}

/** The scenario of a race. */
export function race({ name, buggy, fixed, branches, ...rest }: Race): Scenario {
  const { about, wrong } = rest.history;
  return {
    ...rest,
    name: `race/${name}`,
    newest: 'fixed',
    variants: [
      { ...common, ...buggy, name: 'buggy', summary: 'the kernel in which the race was found' },
      { ...common, ...fixed, name: 'fixed', summary: 'the kernel in which it was repaired' },
    ],
    branches: (options) => [
      ...new Set([...about, ...(wrong ?? []), ...(branches?.(options) ?? [])]),
    ],
  };
}

const common = { version: 'v6.9', functions: {} } as const;

/**
 * The kernel with functions of the race's own beside it: parts that the kernel does not have. Variants
 * replace them by name like all others; a patch of the kernel's function of that name has the
 * kernel's shape, and does not.
 * @param replaces those of `own` that take the place of the kernel's function of the same name
 */
export function kernelWith<F extends Readonly<Record<string, KernelFunction>>>(
  machine: Machine,
  options: ScenarioOptions,
  own: F,
  replaces: readonly string[] = [],
  onCreate?: Parameters<typeof kernelFor>[2],
): VfsKernel & Bound<F> {
  const { variant } = options;
  const known = new Set(kernel_function_names());
  checkShadowing(own, replaces, known);
  const patched = Object.entries(options.functions ?? {}).filter(([name]) => !(name in own));
  const given = { ...own, ...variant.functions, ...Object.fromEntries(patched) };
  const all: [string, KernelFunction][] = Object.entries(given);
  const functions = Object.fromEntries(all.filter(([name]) => known.has(name) || !(name in own)));
  const base = { ...options, functions, variant: { ...variant, functions: {} } };
  const kernel = kernelFor(machine, base, onCreate) as VfsKernel & Bound<F>;
  for (const [name, body] of all.filter(([each]) => each in own && !known.has(each))) {
    const bound = (...args: unknown[]): unknown => call(body as never, kernel, ...args);
    Object.defineProperty(kernel, name, { value: bound, enumerable: true });
  }
  return kernel;
}

/** A function that happens to have a kernel function's name would change the kernel unseen. */
function checkShadowing(
  own: Readonly<Record<string, KernelFunction>>,
  replaces: readonly string[],
  known: ReadonlySet<string>,
): void {
  for (const name of Object.keys(own)) {
    if (!known.has(name) || replaces.includes(name)) continue;
    throw new MisuseError(
      `'${name}' is a kernel function too: give it another name, or say replaces: ['${name}']`,
    );
  }
  for (const name of replaces) {
    if (name in own && known.has(name)) continue;
    const why = name in own ? 'the kernel has no function of that name' : 'it is not among own';
    throw new MisuseError(`replaces '${name}', but ${why}: take it out of replaces`);
  }
}
