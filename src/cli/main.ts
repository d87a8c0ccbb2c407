#!/usr/bin/env node
/** The dlab command as a process: its words, its streams, its exit code. */

import { run } from './command-line.js';
import { EXIT } from './exit.js';

function onStreamError(error: NodeJS.ErrnoException): void {
  // A reader that went away, as in `dlab list | head -1`, is no error: what is known is the code.
  if (error.code === 'EPIPE') process.exit();
  process.exitCode = EXIT.output;
  process.stderr.write(`dlab: cannot write the output: ${error.message}\n`);
  process.exit();
}

process.stdout.on('error', onStreamError);
process.stderr.on('error', () => process.exit());
process.setSourceMapsEnabled(true);
process.exitCode = await run(process.argv.slice(2), (code) => {
  process.exitCode = code;
});
