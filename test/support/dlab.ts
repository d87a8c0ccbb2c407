/** Running the built dlab command from tests: to its end, or started and then signalled. */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SPAWN = {
  cwd: ROOT,
  env: { ...process.env, FORCE_COLOR: '0', LANG: 'C.UTF-8' },
} as const;

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Run dlab to its end. */
export function dlab(...args: string[]): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    ...SPAWN,
    encoding: 'utf8',
  });
  return { code: status, out: stdout, err: stderr };
}

/** Run a line of shell in which $DLAB is dlab. */
export function shell(line: string): Ran {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', line], {
    ...SPAWN,
    env: { ...SPAWN.env, DLAB: `${process.execPath} ${MAIN}` },
    encoding: 'utf8',
  });
  return { code: status, out: stdout, err: stderr };
}

/** A dlab that is under way. */
export class Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ran>;
  out = '';
  err = '';

  constructor(...args: string[]) {
    this.child = spawn(process.execPath, [MAIN, ...args], SPAWN);
    this.child.stdout?.on('data', (data: Buffer) => (this.out += data.toString()));
    this.child.stderr?.on('data', (data: Buffer) => (this.err += data.toString()));
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code) => resolve({ code, out: this.out, err: this.err }));
    });
  }

  get isOver(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Wait until a condition holds. @returns false if the process ended before it did */
  async until(holds: () => boolean): Promise<boolean> {
    while (!holds()) {
      if (this.isOver) return false;
      await pause(5);
    }
    return !this.isOver;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}

/** When a file was last replaced, as a number that changes with it; 0 if there is none. */
export function versionOf(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? 0 : stat.mtimeMs + stat.ino / 1e12;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A path in a new directory. */
export function scratch(name: string): string {
  return join(mkdtempSync(join(tmpdir(), 'dlab-test-')), name);
}

/** The one object that `--json` printed. */
export function resultOf({ out, err }: Ran): Record<string, unknown> {
  try {
    return JSON.parse(out) as Record<string, unknown>;
  } catch {
    throw new Error(`no JSON but: ${out}${err}`);
  }
}
