/** The commands of docs/patches.md do what the page says, in the order in which it says it. */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { MAIN } from '../support/dlab.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs', 'patches.md'), 'utf8');

/** What is written in the page's consoles: commands, each with what it prints. */
const consoles = [...PAGE.matchAll(/^```console\n(.*?)^```/gms)].map(([, text]) => text).join('');
const commands = [...consoles.matchAll(/^\$ (.*)$/gm)].map(([, command]) => command);

test('docs/patches.md', () => {
  expect(commands.length).toBeGreaterThan(5);
  const folder = mkdtempSync(join(tmpdir(), 'dlab-docs-'));
  cpSync(join(ROOT, 'examples'), join(folder, 'examples'), { recursive: true });
  // One shell for all of them, in which showing a command leaves $? alone.
  const script = [
    'dlab() { "$NODE" "$MAIN" "$@"; }',
    'shown() { local code=$?; printf "%s\\n" "\\$ $1"; return $code; }',
    ...commands.map((command) => `shown '${command.replaceAll("'", "'\\''")}'\n${command}`),
  ].join('\n');
  const { stdout } = spawnSync('bash', ['-c', `exec 2>&1\n${script}`], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, NODE: process.execPath, MAIN, NO_COLOR: '1', LANG: 'C.UTF-8' },
  });
  expect(stdout).toBe(consoles);
}, 240_000);
