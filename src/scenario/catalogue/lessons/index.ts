/** The small scenarios that the lessons begin with. */

import type { Scenario } from '../../scenario.js';
import { counter } from './counter.js';
import { dead } from './dead.js';
import { dentry } from './dentry.js';
import { lastPut } from './last-put.js';
import { lockref } from './lockref.js';
import { rcu } from './rcu.js';
import { rename } from './rename.js';

export const LESSON_SCENARIOS: readonly Scenario[] = [
  dentry,
  counter,
  lockref,
  dead,
  lastPut,
  rcu,
  rename,
];
