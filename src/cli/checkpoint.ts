/**
 * Checkpoints: what an exploration has done so far, on disk.
 *
 * Invariant: the file under its name is always whole, see whole-file.ts, and it carries a hash of
 * itself and of the program that it belongs to, so that neither damage nor changed code goes unseen.
 */

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Frontier } from '../explore/index.js';
import { UsageError } from './exit.js';
import type { Job } from './job.js';
import type { Found } from './messages.js';
import { replaceFile } from './whole-file.js';

const KIND = 'dentrylab checkpoint ';
const MAGIC = `${KIND}1\n`;
const HASH_BYTES = 32;

export type Saved =
  | {
      readonly engine: 'states';
      readonly found: Found;
      readonly frontiers: readonly Frontier[];
      /** A task has gone round in a retry(): that all runs end is not known. */
      readonly goesRound: boolean;
      /** Orders of freeing were left out. */
      readonly freesFirst: boolean;
      readonly seconds: number;
    }
  | {
      readonly engine: 'dpor';
      readonly found: Found;
      readonly done: readonly number[];
      readonly units: number;
      readonly seconds: number;
    };

interface Head {
  readonly job: Job;
  readonly fingerprint: string;
  readonly saved: Saved;
}

/** What must be the same for results to fit together: dlab's own code and the patch. */
export function fingerprintOf(job: Job): string {
  const hash = createHash('sha256');
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' });
  for (const file of files.filter((name) => name.endsWith('.js')).sort()) {
    hash.update(file.replaceAll('\\', '/')).update(readFileSync(join(root, file)));
  }
  const sources = job.compiled?.sources ?? (job.patch === null ? [] : [job.patch]);
  for (const source of sources) hash.update(readFileSync(source));
  return hash.digest('hex').slice(0, 16);
}

/** What has to be equal of two jobs that are parts of one. */
export function sameWork(a: Job, b: Job): boolean {
  const workOf = (job: Job): string =>
    JSON.stringify({
      ...job,
      compiled: null,
      seconds: null,
      executions: null,
      jobs: 1,
      shard: null,
    });
  return workOf(a) === workOf(b);
}

/**
 * Refuse a place where no checkpoint can be saved, before hours of work rely on it: taking the name
 * of a device would replace it, and another file may be somebody's only copy.
 * @throws UsageError
 */
export function assertCanHoldCheckpoint(path: string): void {
  const directory = dirname(path);
  if (!(statSync(directory, { throwIfNoEntry: false })?.isDirectory() ?? false)) {
    throw new UsageError(`cannot save a checkpoint in ${directory}: no such directory`);
  }
  const known = statSync(path, { throwIfNoEntry: false });
  if (known === undefined) return;
  if (!known.isFile()) throw new UsageError(`${path} is not a regular file: name another one`);
  const start = readFileSync(path).subarray(0, KIND.length).toString('latin1');
  if (start !== KIND) {
    throw new UsageError(`${path} is not a checkpoint and would be lost: name another file`);
  }
}

/**
 * Write a checkpoint.
 * @param states the states visited, for the engine that remembers them
 * @throws UsageError if it cannot be written; the last one is still there
 */
export function saveCheckpoint(
  path: string,
  job: Job,
  fingerprint: string,
  saved: Saved,
  states: Int32Array | null,
): void {
  const head: Head = { job: { ...job, compiled: null }, fingerprint, saved };
  const text = Buffer.from(`${MAGIC}${JSON.stringify(head)}\n`);
  const body =
    states === null
      ? Buffer.alloc(0)
      : Buffer.from(states.buffer, states.byteOffset, states.byteLength);
  const hash = createHash('sha256').update(text).update(body).digest();
  try {
    replaceFile(path, [text, body, hash]);
  } catch (error) {
    throw new UsageError(
      `cannot write the checkpoint ${path}: ${(error as Error).message}; ` +
        'what was saved there before is untouched',
    );
  }
}

/** Read a checkpoint back. @throws UsageError naming what is wrong with it */
export function loadCheckpoint(path: string): Head & { states: Int32Array } {
  let file: Buffer;
  try {
    file = readFileSync(path);
  } catch (error) {
    throw new UsageError(`cannot read the checkpoint ${path}: ${(error as Error).message}`);
  }
  if (!file.subarray(0, MAGIC.length).equals(Buffer.from(MAGIC))) {
    throw new UsageError(`${path} is not a checkpoint of this version of dlab`);
  }
  const content = file.subarray(0, file.length - HASH_BYTES);
  const hash = createHash('sha256').update(content).digest();
  if (!hash.equals(file.subarray(file.length - HASH_BYTES))) {
    throw new UsageError(`the checkpoint ${path} is damaged: start again without --resume`);
  }
  const end = content.indexOf(0x0a, MAGIC.length);
  const head = JSON.parse(content.toString('utf8', MAGIC.length, end)) as Head;
  const body = Uint8Array.from(content.subarray(end + 1));
  return { ...head, states: new Int32Array(body.buffer) };
}
