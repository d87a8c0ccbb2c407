/**
 * `--watch`: answers every save of a patch while the process stays warm.
 *
 * Only the changed files are compiled and loaded again; the side without the patch is explored once.
 * Invariant: nothing that belongs to an older save is printed after a newer one was seen; every
 * verdict stands under the number of its save.
 */

import { readFileSync, statSync, watch as watchFolder, type FSWatcher } from 'node:fs';
import { dirname, resolve } from 'node:path';
import pc from 'picocolors';
import { ladder } from '../../trace/index.js';
import { record } from '../../scenario/index.js';
import { EXIT, UsageError } from '../exit.js';
import { programWith, type Job } from '../job.js';
import { lookOf, type CheckFlags } from '../options.js';
import { group } from '../progress.js';
import { paletteOf, showCommand, type Look } from '../report.js';
import { changeOf, worst, type Pair } from './compare.js';
import { digestOf, PatchFolder, type Compiled } from './compile.js';
import { Crew, Superseded } from './crew.js';
import { loadPatch, type Patch } from './load.js';
import type { Side, Touch } from './side.js';
import { TypeThread } from './type-thread.js';
import { textOf } from './vet.js';

/** Editors write a file in several steps; what is seen within this time is one save. */
const SETTLE_MS = 15;
/** Where a change is not told by the system, it is looked for. */
const POLL_MS = 500;
/** A file may be away for a moment while an editor replaces it. */
const AWAY_MS = 300;

/** Watch until Ctrl-C. @returns the exit code, 130 */
export async function watch(
  path: string,
  jobs: readonly Job[],
  flags: CheckFlags,
): Promise<number> {
  if (flags.json === true) throw new UsageError('--watch prints text: leave --json out');
  const watched = new Watched(path);
  const session = new Session(path, jobs, flags, watched);
  const interrupted = new Promise<void>((done) => {
    process.once('SIGINT', done);
    process.once('SIGTERM', done);
  });
  try {
    // Whatever is wrong with the first version is told like later mistakes, but for a missing file.
    if (statSync(path, { throwIfNoEntry: false }) === undefined) {
      throw new UsageError(`${path}: no such file. To begin with one: dlab new variant my-stash`);
    }
    watched.onSave = () => session.saved();
    session.saved();
    await interrupted;
    return EXIT.interrupted;
  } finally {
    watched.close();
    await session.close();
  }
}

/** The files of a patch on disk: tells when the content of one has changed. */
class Watched {
  onSave: () => void = () => undefined;
  #files: readonly string[];
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #poll: NodeJS.Timeout;
  #settling: NodeJS.Timeout | null = null;
  #seen = '';

  constructor(path: string) {
    this.#files = [resolve(path)];
    this.#follow();
    this.#poll = setInterval(() => this.#changed(), POLL_MS);
  }

  /** These files were read, with this digest of their contents: watch for something newer. */
  wasRead({ sources, digest }: Compiled): void {
    this.#files = sources;
    this.#seen = digest;
    this.#follow();
    // What was written since then may have been told before anybody listened.
    this.#changed();
  }

  /** When the newest of the files was written, in ms since 1970. */
  get written(): number {
    const times = this.#files.map((f) => statSync(f, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    return Math.max(...times);
  }

  /** Note what is on disk now: it is no news any more. */
  note(): void {
    this.#seen = this.#state();
  }

  #follow(): void {
    // A folder, since an editor may put a new file in the place of the old one.
    for (const folder of new Set(this.#files.map((file) => dirname(file)))) {
      if (this.#watchers.has(folder)) continue;
      try {
        const watcher = watchFolder(folder, () => this.#changed());
        watcher.on('error', () => watcher.close());
        this.#watchers.set(folder, watcher);
      } catch {
        // Some file systems tell nothing: then looking now and then has to do.
      }
    }
  }

  #state(): string {
    return digestOf(
      this.#files.map((file) => {
        try {
          return readFileSync(file, 'utf8');
        } catch {
          return null;
        }
      }),
    );
  }

  #changed(): void {
    if (this.#settling !== null || this.#state() === this.#seen) return;
    this.#settling = setTimeout(() => {
      this.#settling = null;
      const away = this.#files.some((f) => statSync(f, { throwIfNoEntry: false }) === undefined);
      if (away && Date.now() - this.#lastThere < AWAY_MS) {
        this.#changed();
        return;
      }
      if (!away) this.#lastThere = Date.now();
      if (this.#state() === this.#seen) return;
      this.note();
      this.onSave();
    }, SETTLE_MS);
  }

  #lastThere = Date.now();

  close(): void {
    clearInterval(this.#poll);
    if (this.#settling !== null) clearTimeout(this.#settling);
    for (const watcher of this.#watchers.values()) watcher.close();
  }
}

/** What is known across saves, and the save that is being answered. */
class Session {
  readonly #path: string;
  readonly #jobs: readonly Job[];
  readonly #look: Look;
  readonly #watched: Watched;
  readonly #folder = new PatchFolder();
  readonly #crew: Crew;
  readonly #types: TypeThread | null;
  /** Sides without the patch, by scenario. */
  readonly #before = new Map<string, Side>();
  /** Which scenarios call the patch: depends on the names of its functions alone. */
  readonly #touches = new Map<string, Touch>();
  #answering: Promise<void> = Promise.resolve();
  #open = false;

  constructor(path: string, jobs: readonly Job[], flags: CheckFlags, watched: Watched) {
    const [first] = jobs as [Job];
    this.#path = path;
    this.#jobs = jobs;
    this.#look = lookOf(flags);
    this.#watched = watched;
    this.#crew = new Crew(first.jobs);
    this.#types = flags.typecheck === false ? null : new TypeThread(path);
  }

  /** The patch was saved: answer. */
  saved(): void {
    this.#watched.note();
    if (this.#open) console.log(`  save ${this.#crew.save} given up: there is a newer one`);
    const save = this.#crew.nextSave();
    this.#open = true;
    this.#answering = this.#answer(save).catch((error: unknown) => {
      if (error instanceof Superseded || save !== this.#crew.save) return;
      this.#open = false;
      const { name, message, stack } = error as Error;
      const isUsers = error instanceof UsageError || name === 'MisuseError';
      console.log(`  ${this.#bad('✗')} ${isUsers ? message : (stack ?? message)}`);
    });
  }

  async close(): Promise<void> {
    this.#types?.close();
    await this.#crew.close();
    await this.#answering;
    this.#folder.remove();
  }

  async #answer(save: number): Promise<void> {
    const { written } = this.#watched;
    console.log(`\nsave ${save} of ${this.#path}`);
    const types = this.#types?.check(save);
    types?.catch(() => undefined);
    const compiled = this.#folder.compile(this.#path);
    this.#watched.wasRead(compiled);
    const patch = await loadPatch(this.#path, compiled);
    const replaced = Object.keys(patch.functions).sort();
    let typesAreRight = types === undefined;
    const confirm = async (): Promise<void> => {
      if (typesAreRight) return;
      const problems = await types!;
      if (problems.length > 0) throw new UsageError(textOf(problems, this.#look.colour));
      typesAreRight = true;
    };
    let first: number | null = null;
    let unseen = 0;
    const pairs: Pair[] = [];
    const one = async (base: Job): Promise<void> => {
      const job: Job = { ...base, patch: this.#path, compiled };
      const touch = await this.#touch(job, replaced);
      if (touch === 'unseen') unseen += 1;
      if (touch !== 'yes') return;
      // Warm from the last save, this side is known and only the other one is explored.
      const before = await this.#sideBefore(job);
      const after = await this.#crew.side(job, null);
      await confirm();
      if (save !== this.#crew.save) throw new Superseded();
      const pair = { job, before, after };
      pairs.push(pair);
      const ms = Math.round(Date.now() - written);
      first ??= ms;
      console.log(this.#line(pair, ms));
    };
    await Promise.all([confirm(), ...this.#inOrder().map(one)]);
    if (save !== this.#crew.save) throw new Superseded();
    this.#open = false;
    this.#finish(save, patch, compiled, pairs, unseen, first, Math.round(Date.now() - written));
  }

  /** What took the least time comes first. */
  #inOrder(): Job[] {
    const cost = ({ scenario }: Job): number => this.#before.get(scenario)?.seconds ?? 1;
    return [...this.#jobs].sort((a, b) => cost(a) - cost(b));
  }

  async #touch(job: Job, replaced: readonly string[]): Promise<Touch> {
    const key = `${job.scenario} ${replaced.join()}`;
    const touch = this.#touches.get(key) ?? (await this.#crew.touch(job));
    this.#touches.set(key, touch);
    return touch;
  }

  async #sideBefore(job: Job): Promise<Side> {
    const { scenario } = job;
    const side =
      this.#before.get(scenario) ??
      (await this.#crew.side({ ...job, patch: null, compiled: null }, null));
    this.#before.set(scenario, side);
    return side;
  }

  #line(pair: Pair, ms: number): string {
    const { job, before, after } = pair;
    const isBad = after.verdict === 'VIOLATED';
    const mark = isBad ? this.#bad('✗') : after.verdict === 'HOLDS' ? '✓' : '?';
    const was = before.verdict === after.verdict ? '' : `  (was ${before.verdict})`;
    const detail = after.bug?.title ?? after.reason ?? `${group(after.states)} states`;
    const head = `  ${mark} ${after.verdict.padEnd(10)} ${job.scenario} @ ${job.variant}`;
    return `${head.padEnd(52)} ${String(ms).padStart(5)} ms  ${detail}${was}`;
  }

  #finish(
    save: number,
    patch: Patch,
    compiled: Compiled,
    pairs: readonly Pair[],
    unseen: number,
    first: number | null,
    all: number,
  ): void {
    const counts = new Map<string, number>();
    for (const pair of pairs) {
      const change = changeOf(pair);
      counts.set(change, (counts.get(change) ?? 0) + 1);
    }
    const shown = worst(pairs);
    if (shown !== null) {
      const { job, after } = shown;
      const bug = after.bug!;
      const program = programWith({ ...job, compiled }, patch);
      const { trace } = record(program, bug.schedule, bug.cycleFrom);
      console.log(`\n${ladder(trace, { ...this.#look, palette: paletteOf(this.#look) })}`);
      console.log(`  show  ${showCommand(job, program, bug)}`);
    }
    const words = [...counts].map(([change, count]) => `${count} ${change}`);
    if (unseen > 0) words.push(`${unseen} not known to call it`);
    const what = words.length === 0 ? 'no scenario calls it' : words.join(', ');
    const times = first === null ? '' : `; first verdict after ${first} ms, all after ${all} ms`;
    console.log(`  save ${save}: ${what}${times}`);
  }

  #bad(text: string): string {
    return pc.createColors(this.#look.colour).red(text);
  }
}
