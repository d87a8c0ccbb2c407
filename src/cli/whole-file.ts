/**
 * Replacing a file as a whole: a checkpoint, a result.
 *
 * Invariant: the file under its name is always whole, the old one or the new one. The new one is
 * written beside it, flushed, and takes its name in one step; a full disk or a kill leaves the old.
 */

import {
  closeSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';

/**
 * Write a file.
 * @param parts what it is to hold, in order
 * @throws the error of the system call that failed; what was there before still is
 */
export function replaceFile(path: string, parts: Iterable<Uint8Array>): void {
  const known = statSync(path, { throwIfNoEntry: false });
  if (known !== undefined && !known.isFile()) {
    // A pipe or a device has no old content that could be lost, and must not lose its name.
    write(path, parts);
    return;
  }
  // Through a symbolic link: what it points to is replaced, not the link.
  const target = known === undefined ? path : realpathSync(path);
  const draft = `${target}.tmp`;
  try {
    write(draft, parts, fsyncSync);
    renameSync(draft, target);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

function write(
  path: string,
  parts: Iterable<Uint8Array>,
  flush: (file: number) => void = () => undefined,
): void {
  const file = openSync(path, 'w');
  try {
    for (const part of parts) {
      for (let at = 0; at < part.length;) at += writeSync(file, part, at);
    }
    flush(file);
  } finally {
    closeSync(file);
  }
}
