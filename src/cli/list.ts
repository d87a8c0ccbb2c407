/** `dlab list`: what there is to check, and on what. */

import type { Branch } from '../machine/index.js';
import { kernel_function_names } from '../vfs/index.js';
import {
  findVariant,
  KERNEL_INVARIANTS,
  programOf,
  SCENARIOS,
  variantsOf,
} from '../scenario/index.js';
import { oneOf } from './options.js';

export const LISTS = [
  'scenarios',
  'variants',
  'branches',
  'functions',
  'invariants',
  'all',
] as const;

interface Row {
  readonly name: string;
  readonly summary: string;
}

/** Every branch that some scenario reports on, each once. */
function branches(): Branch[] {
  const all = SCENARIOS.flatMap(
    (scenario) => programOf(scenario, { variant: findVariant(scenario) }).branches,
  );
  return [...new Set(all)];
}

function rowsOf(what: string): Row[] {
  switch (what) {
    case 'variants':
      return variantsOf(SCENARIOS).map(({ name, summary }) => ({ name, summary }));
    case 'branches':
      return branches().map(({ fn, what: text }) => ({ name: fn, summary: text }));
    case 'functions':
      return kernel_function_names().map((name) => ({ name, summary: '' }));
    case 'invariants':
      return [
        ...[...new Set(SCENARIOS.flatMap(({ invariants }) => invariants))].map((name) => ({
          name,
          summary: 'checked by scenarios',
        })),
        ...KERNEL_INVARIANTS.map(({ id, class: kind, text, checkedBy, whyNot }) => ({
          name: `${id} [${kind}]`,
          summary: `${text}: ${checkedBy ?? `NOT CHECKED, ${whyNot ?? ''}`}`,
        })),
      ];
    default:
      return SCENARIOS.map(({ name, title }) => ({ name, summary: title }));
  }
}

/** Print one list, or scenarios and variants. @returns the exit code */
export function list(what: string | undefined, json: boolean): number {
  const chosen = oneOf('list', what ?? 'all', LISTS);
  const lists = chosen === 'all' ? ['scenarios', 'variants'] : [chosen];
  if (json) {
    console.log(
      JSON.stringify(Object.fromEntries(lists.map((name) => [name, rowsOf(name)])), null, 2),
    );
    return 0;
  }
  for (const name of lists) {
    const rows = rowsOf(name);
    const width = Math.max(...rows.map((row) => row.name.length));
    if (lists.length > 1) console.log(`${name}:`);
    for (const row of rows) console.log(`  ${row.name.padEnd(width)}  ${row.summary}`.trimEnd());
    if (lists.length > 1) console.log('');
  }
  return 0;
}
