/** A program that is typed for Node's own fs takes ours, and what it finds there is shaped alike. */

import * as nodeFs from 'node:fs';
import { expect, test } from 'vitest';
import { createKernel } from 'dentrylab/fs';

type Wanted = Pick<
  typeof nodeFs,
  | 'accessSync'
  | 'appendFileSync'
  | 'chmodSync'
  | 'closeSync'
  | 'copyFileSync'
  | 'existsSync'
  | 'fsyncSync'
  | 'ftruncateSync'
  | 'linkSync'
  | 'openSync'
  | 'renameSync'
  | 'rmSync'
  | 'rmdirSync'
  | 'symlinkSync'
  | 'truncateSync'
  | 'unlinkSync'
  | 'utimesSync'
  | 'writeFileSync'
  | 'readFileSync'
  | 'statSync'
  | 'lstatSync'
  | 'mkdirSync'
  | 'readSync'
  | 'writeSync'
>;
type WantedPromises = Pick<
  typeof nodeFs.promises,
  | 'access'
  | 'chmod'
  | 'copyFile'
  | 'link'
  | 'rename'
  | 'rm'
  | 'symlink'
  | 'truncate'
  | 'unlink'
  | 'utimes'
  | 'stat'
  | 'mkdir'
>;

const { fs } = createKernel();

test('programs typed for node:fs take it', () => {
  const sync: Wanted = fs;
  const promises: WantedPromises = fs.promises;
  expect([sync, promises]).toEqual([fs, fs.promises]);
});

test('every function has the name of one of Node', () => {
  for (const [ours, theirs] of [
    [fs, nodeFs],
    [fs.promises, nodeFs.promises],
  ] as const) {
    const names = Object.entries(ours).filter(([, value]) => typeof value === 'function');
    for (const [name] of names) expect(typeof Reflect.get(theirs, name), name).toBe('function');
    expect(names.length).toBeGreaterThan(20);
  }
});

test('constants have the values of Linux', () => {
  for (const [name, value] of Object.entries(fs.constants)) {
    const theirs: unknown = Reflect.get(nodeFs.constants, name);
    if (theirs !== undefined) expect([name, value]).toEqual([name, theirs]);
  }
  expect(fs.constants['O_CREAT']).toBe(nodeFs.constants.O_CREAT);
});
