/**
 * Telling what went wrong: on stderr, and with a last line that is the command that helps.
 *
 * Invariant: every mistake in how dlab was called ends here, so none is without that line.
 */

import { CommanderError } from 'commander';
import { MisuseError } from '../machine/index.js';
import { EXIT, UsageError } from './exit.js';

/**
 * Tell it.
 * @param words what followed `dlab`
 * @returns the exit code
 */
export function tellFailure(error: unknown, words: readonly string[]): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.HOLDS;
    // Without any words commander has printed the help, and that is all there is to say.
    if (error.code !== 'commander.help') {
      const message = error.message.replace(/^error: /, '');
      const isVerb = error.code !== 'commander.unknownCommand';
      tell(message, suggestedVerb(message) ?? helpOfVerb(isVerb ? words : []));
    }
    return EXIT.usage;
  }
  if (error instanceof UsageError || error instanceof MisuseError) {
    const own = error instanceof UsageError ? error.help : null;
    tell(error.message, own ?? corrected(error.message, words) ?? helpOfVerb(words));
    return EXIT.usage;
  }
  console.error(
    `dlab: this is a bug in dlab, please report it\n${(error as Error).stack ?? String(error)}`,
  );
  console.error('  try: dlab --version');
  return EXIT.internal;
}

function tell(message: string, help: string): void {
  console.error(`dlab: ${message}\n  try: ${help}`);
}

/** `Did you mean check?` */
function suggestedVerb(message: string): string | null {
  const verb = /unknown command[^]*Did you mean (?:one of )?([a-z]+)/.exec(message)?.[1];
  return verb === undefined ? null : `dlab ${verb} --help`;
}

/** The same words with the right name in the place of the wrong one. */
function corrected(message: string, words: readonly string[]): string | null {
  const match = /^there is no .*?'([^']*)'.*?the nearest are ([^ ,]+)/.exec(message);
  if (match !== null && words.includes(match[1])) {
    const right = words.map((word) => (word === match[1] ? match[2] : word));
    return `dlab ${right.map(quoted).join(' ')}`;
  }
  // A message that names a command has the best one.
  return /\bdlab (?:list|matrix|new|check|show|merge)(?: [\w/.-]+)*/.exec(message)?.[0] ?? null;
}

function helpOfVerb([verb]: readonly string[]): string {
  return verb !== undefined && /^[a-z]+$/.test(verb) ? `dlab ${verb} --help` : 'dlab --help';
}

/** A word as a POSIX shell reads it back. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./#-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
