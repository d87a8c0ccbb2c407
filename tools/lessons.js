/**
 * Writes what the pages of docs/lessons show: `npm run docs:lessons`.
 *
 * A block after `<!-- dlab: WORDS -->` is what that command prints, without how much was searched; one after
 * `<!-- source: FILE NAME -->` is that function. Invariant: nothing else on a page is touched, so a
 * second run changes nothing.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../', import.meta.url);
const FOLDER = new URL('docs/lessons/', ROOT);
const BLOCK = /<!-- (dlab|source): (.*?) -->\n+```(\w+)\n(?:[^]*?\n)??```\n/g;

/** How much was searched and how long it took: of no interest to a lesson, and often new. */
const COUNTS = /^ {4}(?:[\d,]+ (?:states|interleavings).*|states compared by .*)\n/gm;

/** @returns {string[]} the pages, by file name */
export function lessonPages() {
  return readdirSync(FOLDER)
    .filter((name) => /^\d\d-.*\.md$/.test(name))
    .sort();
}

/** @param {string} name @returns {string} */
export function pageText(name) {
  return readFileSync(new URL(name, FOLDER), 'utf8');
}

/** @param {string} page @returns {Promise<string>} the page with its blocks as they should be */
export async function regenerated(page) {
  let text = '';
  let from = 0;
  for (const match of page.matchAll(BLOCK)) {
    const [block, kind, words, language] = match;
    const content = kind === 'dlab' ? await outputOf(words.split(' ')) : sourceOf(words);
    text += page.slice(from, match.index);
    text += `<!-- ${kind}: ${words} -->\n\n\`\`\`${language}\n${content}\n\`\`\`\n`;
    from = match.index + block.length;
  }
  return text + page.slice(from);
}

/**
 * What a command prints, run in this process: 80 columns, no colours, without the counts.
 * @param {string[]} words
 */
async function outputOf(words) {
  const { run } = await import('../dist/cli/command-line.js');
  const { log } = console;
  const { now } = performance;
  // The clock stands still, so that no explanation is cut short because the machine is slow.
  performance.now = () => 0;
  const { LANG, LC_ALL, LC_CTYPE, NO_COLOR } = process.env;
  /** @type {string[]} */
  const lines = [];
  console.log = (text = '') => void lines.push(String(text));
  for (const name of ['LC_ALL', 'LC_CTYPE']) delete process.env[name];
  Object.assign(process.env, { LANG: 'C.UTF-8', NO_COLOR: '1' });
  try {
    await run([...words, '--width', '80']);
  } finally {
    console.log = log;
    performance.now = now;
    for (const [name, value] of Object.entries({ LANG, LC_ALL, LC_CTYPE, NO_COLOR })) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
  return lines.join('\n').replace(COUNTS, '').trimEnd();
}

/** @param {string} words a file and the name of a function in it */
function sourceOf(words) {
  const [path, name] = words.split(' ');
  const text = readFileSync(new URL(path, ROOT), 'utf8');
  const found = new RegExp(
    `^(?:const ${name} = function\\*|function\\* ${name}\\()[^]*?^}`,
    'm',
  ).exec(text);
  if (found === null) throw new Error(`${path} has no function ${name}`);
  return found[0];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of lessonPages()) {
    const page = pageText(name);
    const fresh = await regenerated(page);
    if (fresh === page) continue;
    writeFileSync(new URL(name, FOLDER), fresh);
    console.log(`docs/lessons/${name} is new`);
  }
}
