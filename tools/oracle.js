/**
 * The explorers against brute force for as long as one likes:
 * npm run oracle -- --seed 1 --programs 100000
 */

import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const USAGE = 'npm run oracle -- [--seed N] [--programs N]';

let values;
try {
  ({ values } = parseArgs({
    options: { seed: { type: 'string' }, programs: { type: 'string' } },
  }));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\nusage: ${USAGE}`);
  process.exit(2);
}
for (const [name, value] of Object.entries(values)) {
  if (/^[1-9]\d*$/.test(value)) continue;
  console.error(`--${name} takes a whole number from 1, not '${value}'\nusage: ${USAGE}`);
  process.exit(2);
}
const { seed = '1', programs = '10000' } = values;
const { status } = spawnSync(
  'npx',
  [
    'vitest',
    'run',
    'test/explore/oracle.test.ts',
    'test/explore/traces.test.ts',
    '--testTimeout=0',
  ],
  {
    stdio: 'inherit',
    env: { ...process.env, ORACLE_SEED: seed, ORACLE_PROGRAMS: programs },
  },
);
process.exit(status ?? 1);
