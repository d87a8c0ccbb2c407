/** The corpus of failing tokens: replayed first, and damaged lines harm nothing but themselves. */

import { appendFileSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { addToCorpus, replayCorpus } from '../../src/cli/corpus.js';
import { jobsOf } from '../../src/cli/options.js';
import { programOfJob } from '../../src/cli/job.js';
import { explore } from '../../src/explore/index.js';

test('lines that cannot be read are named, and the others are replayed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dlab-corpus-'));
  const [job] = jobsOf(['race/b28-in-lookup-twice'], { variant: 'buggy' });
  const program = await programOfJob(job);
  const [bug] = explore(program).bugs;
  addToCorpus(folder, job, program, bug);
  addToCorpus(folder, job, program, bug);
  const [name] = readdirSync(folder);
  const file = join(folder, name);
  const [line] = readFileSync(file, 'utf8').split('\n');
  expect(readFileSync(file, 'utf8')).toBe(`${line}\n`);
  const damage = [
    'not a token',
    line.replace('~', '.b~'),
    `${line.slice(0, 20)}`,
    '\u0000\ufffd~~//@',
    line.replace('dlab1/', 'dlab9/'),
    line.replace('b28-in-lookup-twice', 'b99-nothing'),
  ];
  writeFileSync(file, `# kept by hand\n\n${damage.join('\n')}\n`);
  appendFileSync(file, `${line}\r\n`);

  const lines = await replayCorpus(folder, job);

  const passedOver = lines.filter((text) => text.includes('is passed over'));
  expect(passedOver.map((text) => Number(/:(\d+) is passed/.exec(text)![1]))).toEqual([
    3, 4, 5, 6, 7, 8,
  ]);
  expect(lines).toContain('  corpus: 1 of 1 tokens fail');
  expect(lines.join('\n')).toContain(bug.title);
  // Nothing is repaired or removed behind the user's back.
  expect(readFileSync(file, 'utf8')).toContain(damage.join('\n'));
});
