/** What the help says is so: examples, exit codes, completion, and the last line of every error. */

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { EXIT } from '../../src/cli/exit.js';
import { MAIN, shell } from '../support/dlab.js';
import { inProcess } from '../support/in-process.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'dlab-help-'));

beforeAll(() => {
  symlinkSync(join(ROOT, 'examples'), join(folder, 'examples'));
  process.chdir(folder);
});

afterAll(() => {
  process.chdir(ROOT);
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** Words as a shell parts them; the examples have no quotes. */
function wordsOf(line: string): string[] {
  return line.trim().split(/\s+/).slice(1);
}

/** The demonstration takes long, and whoever plays needs a terminal: dlab.test.ts, play.test.ts. */
const OWN_TESTS = ['demo', 'play'];

/** The verbs that `dlab --help` lists. */
async function verbs(): Promise<string[]> {
  const { out } = await inProcess('--help');
  const section = out.split('Commands:\n')[1].split('\n\n')[0];
  return [...section.matchAll(/^ {2}([a-z]+)/gm)]
    .map(([, verb]) => verb)
    .filter((verb) => verb !== 'help');
}

test('every verb has examples, and each exits as it says', async () => {
  for (const verb of await verbs()) {
    const { out, code } = await inProcess(verb, '--help');
    expect(code).toBe(0);
    const section = (out.split(/^Examples?:\n/m)[1] ?? '').split('\n\n')[0];
    const lines = section.split('\n').filter((line) => line.startsWith('  dlab '));
    expect(lines, `examples of ${verb}`).not.toEqual([]);
    if (OWN_TESTS.includes(verb)) continue;
    // Of several commands in a line, the first: what comes after it is another verb's.
    for (const line of lines.map((all) => all.split(' && ')[0])) {
      const [words, comment = ''] = line.split('  # ');
      const expected = Number(/exit (\d+)/.exec(comment)?.[1] ?? 0);
      const ran = await inProcess(...wordsOf(words));
      expect({ line, code: ran.code, err: ran.code === expected ? '' : ran.err }).toEqual({
        line,
        code: expected,
        err: '',
      });
    }
  }
}, 300_000);

test('help fits into 100 columns', async () => {
  for (const verb of await verbs()) {
    const { out } = await inProcess(verb, '--help');
    expect(out.split('\n').filter((line) => line.length > 100)).toEqual([]);
  }
});

describe('exit codes', () => {
  /** Every open fails, so that no two tasks ever touch the same. */
  const NOTHING = `import { ERR_PTR } from 'dentrylab';
export function* open_stashed() { return ERR_PTR(-2); }
`;

  test.each([
    [EXIT.HOLDS, ['check', 'lesson/counter']],
    [EXIT.VIOLATED, ['check', 'lesson/counter', '--variant', 'plain']],
    [EXIT.usage, ['check', 'lesson/counter', '--bound', 'x']],
    [EXIT.INCOMPLETE, ['check', 'lesson/counter', '--bound', '0']],
    [EXIT.INCOMPLETE, ['check', 'lesson/last-put', '--random', '1', '--budget', '20']],
    [
      EXIT.DIVERGED,
      ['show', 'dlab1/lesson.counter@plain/a.bx2.a~dum6~dik5', '--variant', 'atomic'],
    ],
    [EXIT.VACUOUS, ['check', 'stash/close-vs-open', '--no-typecheck', '--with', 'nothing.js']],
  ] as [number, string[]][])('%i: dlab %j', async (code, words) => {
    file('nothing.js', NOTHING);
    const ran = await inProcess(...words);
    expect(ran.code, ran.out + ran.err).toBe(code);
  });

  test('70: what is no mistake of the user is a bug in dlab', async () => {
    const keys = vi.spyOn(JSON, 'stringify').mockImplementation(() => {
      throw new TypeError('broken on purpose');
    });
    const { code, err } = await inProcess('list', '--json');
    keys.mockRestore();
    expect({ code, told: err.includes('a bug in dlab') }).toEqual({
      code: EXIT.internal,
      told: true,
    });
  });

  test('each is documented, in the help and in the handbook', async () => {
    const { out } = await inProcess('--help');
    const page = readFileSync(join(ROOT, 'docs/exploring.md'), 'utf8');
    for (const code of Object.values(EXIT)) {
      if (code !== EXIT.HOLDS) expect(out).toMatch(new RegExp(`\\b${code} `));
      expect(page).toContain(`| ${code} |`);
    }
  });

  test('a reader that goes away does not change what is known', () => {
    const piped = (words: string, reader: string): number | null =>
      spawnSync(
        'bash',
        [
          '-c',
          `"$1" "$2" ${words} | ${reader}; exit \${PIPESTATUS[0]}`,
          '-',
          process.execPath,
          MAIN,
        ],
        {
          encoding: 'utf8',
          cwd: ROOT,
        },
      ).status;
    expect(piped('list all', 'head -1')).toBe(EXIT.HOLDS);
    expect(piped('check lesson/counter --variant plain', 'head -1')).toBe(EXIT.VIOLATED);
    expect(piped('check lesson/counter --variant plain', 'true')).toBe(EXIT.VIOLATED);
  });

  test('closed or full output', () => {
    expect(shell('$DLAB list >&-').code).toBe(EXIT.HOLDS);
    const full = shell('$DLAB list > /dev/full');
    expect({ code: full.code, out: full.out }).toEqual({ code: EXIT.output, out: '' });
    expect(full.err).toContain('cannot write the output');
  });
});

describe('mistakes: exit 2, nothing on stdout, and a last line that helps', () => {
  test.each([
    [[], 'dlab demo'],
    [['chekc'], 'dlab check --help'],
    [['nonsense'], 'dlab --help'],
    [['--nonsense'], 'dlab --help'],
    [['check'], 'dlab check --help'],
    [['check', 'lesson/counter', '--budgte', '1s'], 'dlab check --help'],
    [['check', 'lesson/contuer'], 'dlab check lesson/counter'],
    [
      ['check', 'lesson/counter', '--variant', 'plian'],
      'dlab check lesson/counter --variant plain',
    ],
    [['check', 'nowhere/'], 'dlab list scenarios'],
    [['check', 'lesson/counter', '--lockref', 'x'], 'dlab check --help'],
    [['check', 'lesson/counter', '--fs', 'x'], 'dlab check --help'],
    [['check', 'lesson/counter', '--reuse', 'x'], 'dlab check --help'],
    [['check', 'lesson/counter', '--engine', 'x'], 'dlab check --help'],
    [['check', 'lesson/counter', '--budget', 'soon'], 'dlab check --help'],
    [['check', 'lesson/counter', '--random', 'x'], 'dlab check --help'],
    [['check', 'lesson/counter', '--random', '1', '--pct', '1'], 'dlab check --help'],
    [['check', 'lesson/counter', '--random', '1', '--engine', 'dpor'], 'dlab check --help'],
    [['check', 'lesson/counter', '--shard', '1/2', '--bound', '1'], 'dlab check --help'],
    [['check', 'lesson/counter', '--shard', '3/2'], 'dlab check --help'],
    [['check', 'lesson/counter', '--symmetry', '--engine', 'dpor'], 'dlab check --help'],
    [['check', 'lesson/counter', '--jobs', '0'], 'dlab check --help'],
    [['check', 'lesson/counter', '--width', 'x'], 'dlab check --help'],
    [['check', 'lesson/counter', '--format', 'x'], 'dlab check --help'],
    [['check', 'lesson/counter', '--liveness', '-f', 'sarif'], 'dlab check --help'],
    [['check', 'lesson/', '--out', 'x.json'], 'dlab check --help'],
    [['check', 'lesson/', '--checkpoint', 'x'], 'dlab check --help'],
    [['check', 'lesson/counter', '--bound', '1', '--checkpoint', 'x'], 'dlab check --help'],
    [['check', 'lesson/counter', '--checkpoint', '/nowhere/x'], 'dlab check --help'],
    [['check', 'lesson/counter', '--resume', 'nothing-there'], 'dlab check --help'],
    [['check', 'lesson/counter', '--resume', 'empty.js'], 'dlab check --help'],
    [['check', 'lesson/counter', '--with', 'nothing-there.ts'], 'dlab '],
    [['check', 'lesson/counter', '--with', 'empty.js'], 'dlab '],
    [['show', 'nonsense'], 'dlab show --help'],
    [['show', 'lesson/contuer'], 'dlab show lesson/counter'],
    [['show', 'dlab9/lesson.counter@plain/a~aaaa'], 'dlab show --help'],
    [['show', 'dlab1/lesson.counter@plain/a.bx2.a~p3o5'], 'dlab show --help'],
    [['show', 'lesson/counter', '--at', '99'], 'dlab show --help'],
    [
      ['show', 'lesson/counter', '--at', '1', '--object', 'conter'],
      'dlab show lesson/counter --at 1 --object counter',
    ],
    [['list', 'nonsense'], 'dlab list --help'],
    [['matrix', 'nonsense'], 'dlab matrix stash'],
    [['matrix', 'stash', '--variant', 'nonsense'], 'dlab list variants'],
    [['matrix', 'races', '--scenario', 'nonsense'], 'dlab list scenarios'],
    [['merge', 'nothing-there'], 'dlab merge --help'],
    [['merge', 'empty.js'], 'dlab check --shard 1/2 --out'],
    [['lesson', '11'], 'dlab lesson'],
    [['completion', 'tcsh'], 'dlab completion --help'],
  ] as [string[], string][])('%j', async (words, help) => {
    file('empty.js', '\n');
    const { code, out, err } = await inProcess(...words);
    const last = err.trimEnd().split('\n').at(-1)!;
    expect({ code, out }).toEqual({ code: EXIT.usage, out: '' });
    if (words.length === 0) expect(err).toContain(help);
    else expect(last.slice(0, `  try: ${help}`.length)).toBe(`  try: ${help}`);
  });
});

describe('completion', () => {
  /** What bash would offer for a line, having sourced the script. */
  function offered(line: string): string[] {
    const script = `
dlab() { "${process.execPath}" "${MAIN}" "$@"; }
eval "$(dlab completion bash)"
COMP_LINE=$1 COMP_POINT=\${#1}
_dlab
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script, '-', line], {
      encoding: 'utf8',
      cwd: folder,
    });
    expect(stderr).toBe('');
    return stdout.trimEnd().split('\n');
  }

  test('bash: verbs, scenarios, files', () => {
    file('my-patch.ts', '');
    expect(offered('dlab ch')).toEqual(['check']);
    expect(offered('dlab check lesson/co')).toEqual(['lesson/counter']);
    expect(offered('dlab check lesson/counter --with my-p')).toEqual(['my-patch.ts']);
  });

  test.each([
    [
      ['check', 'lesson/counter', '--variant', ''],
      ['plain', 'once', 'atomic'],
    ],
    [['check', 'lesson/counter', '--lockref', 'c'], ['counter']],
    [['check', 'lesson/counter', '--resum'], ['--resume']],
    [['matrix', 'r'], ['races']],
    [['show', 'race/b29'], ['race/b29-lost-waiter']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [
      ['check', 'lesson/counter', '--rcu', ''],
      ['abstract', 'fifo', 'tree'],
    ],
    [['new', ''], ['variant']],
    [['patch', 'my-patch.ts', 'lesson/co'], ['lesson/counter']],
    [['nonsense', ''], []],
  ])('%j', async (words, expected) => {
    const { out, code } = await inProcess('__complete', '--', ...words);
    expect({ code, words: out.split('\n').filter((word) => word !== '') }).toEqual({
      code: 0,
      words: expected,
    });
  });

  test.each(['zsh', 'fish'])('%s, where it is installed: the script is sound', (name) => {
    const { stdout } = spawnSync(process.execPath, [MAIN, 'completion', name], {
      encoding: 'utf8',
    });
    const checked = spawnSync(name, ['-n', '-c', stdout], { encoding: 'utf8' });
    if (checked.error !== undefined) return;
    expect(checked.stderr).toBe('');
  });

  /** A folder with a dlab that a shell finds. */
  function binFolder(): string {
    file('dlab', `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`);
    chmodSync(join(folder, 'dlab'), 0o755);
    return folder;
  }

  /** Run a script by a shell that finds dlab; null where the shell is not installed. */
  function runBy(name: string, args: string[]): string | null {
    const { error, stdout } = spawnSync(name, args, {
      encoding: 'utf8',
      cwd: folder,
      env: { ...process.env, PATH: `${binFolder()}:${process.env['PATH']}`, HOME: folder },
      timeout: 60_000,
    });
    return (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT' ? null : stdout;
  }

  test('fish, where it is installed: verbs, scenarios, files', () => {
    file('my-patch.ts', '');
    const out = runBy('fish', [
      '-c',
      `dlab completion fish | source
for line in "dlab ch" "dlab check lesson/co" "dlab patch my-p"
  complete -C $line
end`,
    ]);
    if (out === null) return;
    expect(out.trimEnd().split(/\s+/)).toEqual(['check', 'lesson/counter', 'my-patch.ts']);
  });

  test('zsh, where it is installed: verbs, scenarios, files', () => {
    // Outside its line editor zsh has no compadd: what would be offered is printed instead.
    const out = runBy('zsh', [
      '-f',
      '-c',
      `compdef() { :; }
compadd() { print -r -- "\${@[2,-1]}"; }
_files() { print files; }
eval "$(dlab completion zsh)"
for line in "dlab ch" "dlab check lesson/co" "dlab patch my-p"; do
  words=(\${=line}) CURRENT=\${#words}
  _dlab
done`,
    ]);
    if (out === null) return;
    expect(out.trimEnd().split('\n')).toEqual(['check', 'lesson/counter', 'files']);
  });
});
