/** What npm would publish: all that a user needs, and nothing else. */

import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Everything that may be in the package, and what it is good for. */
const ALLOWED: readonly RegExp[] = [
  /^(?:package\.json|README\.md|LICENSE|CHANGELOG\.md)$/,
  // What runs, its types, and its lines for backtraces.
  /^dist\/[\w./-]+\.(?:js|d\.ts|js\.map)$/,
  /^schema\/[\w.-]+\.json$/,
  // The handbook; `dlab lesson` reads docs/lessons.
  /^docs\/(?!api\/)[\w./-]+\.md$/,
  /^examples\/[\w./-]+\.(?:ts|js|mjs|md)$/,
];

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  bin: Record<string, string>;
  exports: Record<string, string | Record<string, string>>;
  dependencies: Record<string, string>;
};

let files: string[] = [];

beforeAll(() => {
  const packed = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const [{ files: listed }] = JSON.parse(packed.stdout) as [{ files: { path: string }[] }];
  files = listed.map(({ path }) => path);
}, 120_000);

describe('the files', () => {
  test('are all of a kind that a user needs', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(files.filter((path) => !ALLOWED.some((pattern) => pattern.test(path)))).toEqual([]);
  });

  test('are all that package.json points to', () => {
    const named = [
      ...Object.values(manifest.bin),
      ...Object.values(manifest.exports).flatMap((entry) =>
        typeof entry === 'string' ? [entry] : Object.values(entry),
      ),
    ].map((path) => path.replace(/^\.\//, ''));
    const missing = named.filter((path) => !path.includes('*') && !files.includes(path));
    expect(missing).toEqual([]);
  });

  test('have every lesson and every schema', () => {
    for (const folder of ['docs/lessons', 'schema']) {
      const there = readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`);
      expect(there.filter((path) => !files.includes(path))).toEqual([]);
    }
  });
});

describe('installed into an empty folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dlab-installed-'));
  const home = join(folder, 'node_modules', 'dentrylab');

  function node(...args: string[]): { code: number | null; out: string; err: string } {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, FORCE_COLOR: '0', LANG: 'C.UTF-8' },
    });
    return { code: status, out: stdout, err: stderr };
  }

  beforeAll(() => {
    // As npm lays it out, without a registry: the packed files, and what they depend on beside them.
    mkdirSync(home, { recursive: true });
    for (const path of files) cpSync(join(ROOT, path), join(home, path), { recursive: true });
    for (const name of readdirSync(join(ROOT, 'node_modules'))) {
      if (name.startsWith('.') || name === 'dentrylab') continue;
      symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
    }
  }, 120_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const entries = Object.keys(manifest.exports).filter((entry) => !/\*|package\.json/.test(entry));
  // Matchers can only be registered inside vitest.
  const importable = entries.filter((entry) => entry !== './vitest');

  test.each(importable)('%s can be imported and exports something', (entry) => {
    const name = entry.replace('.', 'dentrylab');
    const { out, err } = node(
      '--input-type=module',
      '-e',
      `console.log(Object.keys(await import('${name}')).length)`,
    );
    expect(err).toBe('');
    expect(Number(out)).toBeGreaterThan(5);
  });

  test('the demonstration and the lessons work', () => {
    const main = join(home, manifest.bin['dlab']);
    const demo = node(main, 'demo');
    expect({ code: demo.code, err: demo.err.replace(/^dlab: check.*\n/gm, '') }).toEqual({
      code: 0,
      err: '',
    });
    expect(demo.out).toContain('VIOLATED');
    // Kernel functions are named although everything lies below node_modules.
    expect(demo.out).toContain('slab-use-after-free Read in lockref_get_not_dead');
    expect(node(main, 'lesson', '1').out).toContain('What is a dentry?');
  });
});
