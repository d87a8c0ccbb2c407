/**
 * `dlab new variant NAME`: a file to begin a patch with.
 *
 * What it writes compiles, runs and HOLDS as it is, so that whatever goes wrong afterwards comes
 * from a change. Invariant: no file is ever overwritten.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { EXIT, UsageError } from './exit.js';
import { oneOf } from './options.js';

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const LENGTH_MAX = 60;
/** The example that new files are made from. */
const TEMPLATE = 'my-variant';

/** The newest stash_dentry(), with what one needs to change it, under this name. */
function variantText(name: string): string {
  return readFileSync(new URL(`../../examples/${TEMPLATE}.ts`, import.meta.url), 'utf8').replaceAll(
    TEMPLATE,
    name,
  );
}

/** Write a starting file into the current folder. @returns the exit code */
export function create(what: string, name: string): number {
  oneOf('new', what, ['variant']);
  if (!NAME.test(name) || name.length > LENGTH_MAX) {
    throw new UsageError(
      `'${name}' cannot be a name: small letters and digits, with single hyphens between, as in my-stash`,
    );
  }
  const path = `${name}.ts`;
  try {
    writeFileSync(path, variantText(name), { flag: 'wx' });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw new UsageError(`${path} is there already: choose another name`);
    throw new UsageError(`cannot write ${path}: ${message}`);
  }
  console.log(`wrote ${path}. Try: dlab patch ${path}`);
  return EXIT.HOLDS;
}
