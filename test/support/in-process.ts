/** Running a command line of the built dlab in the test's own process, which is quicker. */

import { vi } from 'vitest';

interface Streams {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Run the words that follow `dlab`, and catch what they print. */
export async function inProcess(...words: string[]): Promise<Streams> {
  const { run } = await import('../../dist/cli/command-line.js');
  let out = '';
  let err = '';
  const toOut = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const toErr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
  const log = vi.spyOn(console, 'log').mockImplementation((text: unknown = '') => {
    out += `${String(text)}\n`;
  });
  const error = vi.spyOn(console, 'error').mockImplementation((text: unknown = '') => {
    err += `${String(text)}\n`;
  });
  try {
    const code = await run(words);
    return { code, out, err };
  } finally {
    for (const spy of [toOut, toErr, log, error]) spy.mockRestore();
  }
}
