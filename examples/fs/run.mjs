/**
 * Explore the examples of this folder and tell what comes of them.
 *
 *   node examples/fs/run.mjs               all of them
 *   node examples/fs/run.mjs lock-file     one
 */

import { readdirSync } from 'node:fs';

const names = readdirSync(import.meta.dirname ?? new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.mjs') && file !== 'run.mjs')
  .map((file) => file.slice(0, -'.mjs'.length));
const [wanted] = process.argv.slice(2);
if (wanted !== undefined && !names.includes(wanted)) {
  console.error(`there is no example '${wanted}'; there are ${names.join(', ')}`);
  process.exit(2);
}
for (const name of wanted === undefined ? names : [wanted]) {
  const cases = await import(`./${name}.mjs`);
  for (const [title, { kernel, options, expect }] of Object.entries(cases)) {
    const { text, verdict } = await kernel().explore(options);
    console.log(`${name}: ${title}\n${text}\n`);
    if (verdict !== expect) process.exitCode = 1;
  }
}
