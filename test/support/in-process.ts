/** Running a command line of the built dlab in the test's own process, which is quicker. */

interface Streams {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Run the words that follow `dlab`, and catch what they print. */
export async function inProcess(...words: string[]): Promise<Streams> {
  const { run } = (await import('../../dist/cli/command-line.js')) as {
    run: (words: readonly string[]) => Promise<number>;
  };
  let out = '';
  let err = '';
  const { log, error } = console;
  const [writeOut, writeErr] = [process.stdout.write, process.stderr.write];
  console.log = (text: unknown = '') => void (out += `${String(text)}\n`);
  console.error = (text: unknown = '') => void (err += `${String(text)}\n`);
  process.stdout.write = ((text: string) => (out += text) !== '') as typeof process.stdout.write;
  process.stderr.write = ((text: string) => (err += text) !== '') as typeof process.stderr.write;
  try {
    const code = await run(words);
    return { code, out, err };
  } finally {
    Object.assign(console, { log, error });
    process.stdout.write = writeOut;
    process.stderr.write = writeErr;
  }
}
