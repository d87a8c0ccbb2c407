/** Shards: the parts of a check, merged, say what the whole says; whatever is amiss is refused. */

import { existsSync, lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { replaceFile } from '../../src/cli/whole-file.js';
import { dlab, resultOf, scratch } from '../support/dlab.js';

/** Explore every part of a check. @returns the result files */
function explore(parts: number, ...args: string[]): string[] {
  return Array.from({ length: parts }, (_, i) => {
    const path = scratch(`${i + 1}.json`);
    const ran = dlab('check', ...args, '--shard', `${i + 1}/${parts}`, '--out', path);
    expect([0, 1, 5], ran.err).toContain(ran.code);
    return path;
  });
}

describe('a scenario that holds', () => {
  const args = ['stash/close-vs-open'];
  let files: string[];
  let others: string[];

  beforeAll(() => {
    files = explore(3, ...args);
    others = explore(1, ...args, '--lockref', 'counter');
  }, 60_000);

  test('the parts together are the whole', () => {
    const merged = dlab('merge', ...files, '--json');
    const whole = dlab('check', ...args, '--engine', 'dpor', '--json');
    expect([merged.code, whole.code]).toEqual([0, 0]);
    const [a, b] = [resultOf(merged), resultOf(whole)];
    for (const key of ['verdict', 'executions', 'title', 'neverTaken', 'reason']) {
      expect(a[key], key).toEqual(b[key]);
    }
  });

  test('a part says that it is one, and that it was explored whole only by its exit code', () => {
    const part = (...more: string[]): ReturnType<typeof dlab> =>
      dlab('check', ...args, '--shard', '1/3', ...more);
    const { code, out } = part();
    expect(code).toBe(0);
    expect(out).toContain('INCOMPLETE');
    expect(out).toContain('part 1 of 3: dlab merge has the verdict');
    expect(out).not.toContain('HOLDS');
    expect(resultOf(part('--json'))).toMatchObject({ verdict: 'INCOMPLETE' });
    expect(part('--budget', '1').code).toBe(3);
  });

  test('a missing part makes INCOMPLETE', () => {
    const { code, out } = dlab('merge', files[0], files[2]);
    expect(code).toBe(3);
    expect(out).toContain('INCOMPLETE');
    expect(out).toContain('shard 2 of 3 missing');
    expect(out).not.toContain('HOLDS');
  });

  test('damaged, cut short, empty, twice the same, of another check: exit 2', () => {
    const text = readFileSync(files[1], 'utf8');
    const made = (content: string): string => {
      const path = scratch('made.json');
      writeFileSync(path, content);
      return path;
    };
    for (const [path, message] of [
      [made(text.replace(/"executions":(\d)/, '"executions":9$1')), /is damaged/],
      [made(text.slice(0, -40)), /is damaged/],
      [made(text.slice(0, 200)), /is damaged/],
      [made(''), /is not a result file/],
      [made('{}'), /is not a result file/],
      [files[0], /are the same shard/],
      [others[0], /are of different checks/],
      [scratch('none'), /cannot read the result/],
    ] as const) {
      const { code, out, err } = dlab('merge', files[0], path, files[2]);
      expect({ code, out }).toEqual({ code: 2, out: '' });
      expect(err).toMatch(message);
    }
  });
});

test('a scenario that fails: the same smallest counterexample', () => {
  const args = ['stash/close-vs-open', '--variant', 'v6.9'];
  const merged = dlab('merge', ...explore(2, ...args), '--json');
  const whole = dlab('check', ...args, '--engine', 'dpor', '--json');
  expect([merged.code, whole.code]).toEqual([1, 1]);
  const [a, b] = [resultOf(merged), resultOf(whole)];
  for (const key of ['verdict', 'title', 'titles', 'token', 'steps', 'switches']) {
    expect(a[key], key).toEqual(b[key]);
  }
});

describe('the result file', () => {
  const args = ['race/b29-lost-waiter', '--shard', '1/1'];

  test('is replaced as a whole: what cannot be written leaves the old one, and the verdict', () => {
    const path = scratch('result.json');
    writeFileSync(path, 'the old one\n');
    symlinkSync('/dev/full', `${path}.tmp`);
    for (const format of [[], ['--format', 'json'], ['--format', 'junit']]) {
      const { code, out, err } = dlab('check', ...args, ...format, '--out', path);
      expect(code).toBe(2);
      expect(err).toMatch(/cannot write .*ENOSPC.*; what was there before is untouched/);
      expect(out).toMatch(/HOLDS|testsuite/);
      expect(readFileSync(path, 'utf8')).toBe('the old one\n');
      if (!existsSync(`${path}.tmp`)) symlinkSync('/dev/full', `${path}.tmp`);
    }
  }, 60_000);

  test('writing that stops halfway leaves the old one and no draft', () => {
    const path = scratch('result.json');
    writeFileSync(path, 'the old one\n');
    function* parts(): Generator<Uint8Array> {
      yield Buffer.from('half of the new');
      expect(readFileSync(path, 'utf8')).toBe('the old one\n');
      throw new Error('killed');
    }
    expect(() => replaceFile(path, parts())).toThrow('killed');
    expect(readFileSync(path, 'utf8')).toBe('the old one\n');
    expect(existsSync(`${path}.tmp`)).toBe(false);
  });

  test('a link stays one and its target is replaced; a device keeps its name', () => {
    const target = scratch('target.json');
    const link = scratch('link.json');
    writeFileSync(target, 'the old one\n');
    symlinkSync(target, link);
    replaceFile(link, [Buffer.from('new\n')]);
    expect(readFileSync(target, 'utf8')).toBe('new\n');
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    replaceFile('/dev/null', [Buffer.from('new\n')]);
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
  });
});
