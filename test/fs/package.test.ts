/** The built package, without a bundler that would forgive a missing export. */

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

test('Node itself loads dist/fs, and the direct build under it', () => {
  const program = `
    import { createKernel, O } from './dist/fs/index.js';
    const { init } = createKernel();
    const fd = init.openSync('/f', O.CREAT | O.RDWR);
    init.writeSync(fd, 'loaded');
    console.log(init.preadSync(fd, 9, 0));`;
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const args = ['--input-type=module', '--eval', program];
  expect(execFileSync(process.execPath, args, { cwd, encoding: 'utf8' })).toBe('loaded\n');
});
