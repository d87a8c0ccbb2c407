/** Every object at one moment, as text: one line per field, changed ones marked with `*`. */

import type { Snapshot } from './snapshots.js';

/**
 * All objects as text.
 * @param before the snapshot that changes are told from
 */
export function stateText(snapshot: Snapshot, before: Snapshot): string {
  const lines: string[] = [];
  for (const [name, view] of Object.entries(snapshot)) {
    const { life, ...fields } = view;
    lines.push(life === 'live' ? name : `${name} (${life})`);
    for (const [field, value] of Object.entries(fields)) {
      const mark = before[name]?.[field] === value ? ' ' : '*';
      lines.push(` ${mark} ${field} = ${value}`);
    }
  }
  return lines.join('\n');
}
