/**
 * docs/races.md says of every known race where it is: a scenario, a machine that could show it, or why
 * there is none. Nothing is listed that is not there, and nothing is there that is not listed.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SCENARIOS, WEAK_MEMORY_RACES } from '../../src/scenario/index.js';

/** The races that are known: numbered ones, mutations of the stash's loop, and the short list. */
const KNOWN =
  'B01 B02 B03 B04 B05 B06 B07 B08 B09 B10 B11 B13 B14 B15 B16 B17 B19 B20 B21 B22 B23 B24 B25 B26 ' +
  'B27 B28 B29 B30 B31 B33 B34 B35 B37 B38 B39 B40 B42 B43 B44 B45 B46 M1 M2 M3 M6 M7 M8 M9 M11 M12 ' +
  'M13 M14 aa21f333c86c 1e9c75fb9c47 90006f21b78a 89dc77bcdabf CVE-2024-45003 8a17d7ddedb4 ' +
  'dfef6dcd35cb c42dd069be8d posix_acl 893a7d32e8e0 275655d3207b 0b2d71a7c826 CVE-2014-8559 ' +
  'd4f4de5e5ef8 8c0a85377048 6c6c47b063b5';

const docs = readFileSync(new URL('../../docs/races.md', import.meta.url), 'utf8');
const rows = [...docs.matchAll(/^\| ([\w.-]+) +\| (.*?) +\| (.*?) +\|$/gm)]
  .map(([, entry, what, where]) => ({ entry, what, where }))
  .filter(({ entry }) => !/^-+$|^entry$/.test(entry));
const races = SCENARIOS.filter(({ history }) => history !== undefined);

test('every known race has a row, and every row is of one', () => {
  expect(rows.map(({ entry }) => entry)).toEqual(KNOWN.split(' '));
});

describe.each(rows)('$entry', ({ entry, what, where }) => {
  const named = [...where.matchAll(/`([a-z]+\/[\w-]+)`/g)].map(([, name]) => name);

  test('has a scenario, or a reason', () => {
    expect(what).not.toBe('');
    for (const name of named) expect(SCENARIOS.map((scenario) => scenario.name)).toContain(name);
    if (named.length === 0) expect(where.length).toBeGreaterThan(20);
  });

  test('is what its scenarios say they are', () => {
    const [, same = entry] = /^the same as ([A-Z]\w+)/.exec(where) ?? [];
    const own = named
      .map((name) => races.find((race) => race.name === name)?.history)
      .filter((history) => history !== undefined);
    const is = ({ id, identifiers }: (typeof own)[number]): boolean =>
      id.replace(/[a-d]$/, '') === same || identifiers.some((text) => text.includes(same));
    expect(own.length === 0 || own.some(is)).toBe(true);
  });
});

test('every race is in a row', () => {
  const all = rows.map(({ where }) => where).join();
  expect(races.map(({ name }) => name).filter((name) => !all.includes(`\`${name}\``))).toEqual([]);
});

test('what needs weak memory is said to', () => {
  for (const { id, needs } of WEAK_MEMORY_RACES) {
    const row = rows.find(({ entry }) => entry === id.replace(/[a-d]$/, ''));
    expect(row?.where).toContain(needs);
  }
});
