/**
 * The scenarios of the stash: who opens, closes and reaps one object at the same time.
 *
 * All start with an empty stash. Two tasks find most mistakes; a dentry at zero that two others
 * fight over needs three; an object that goes away needs a reap.
 */

import type { Scenario } from '../scenario.js';
import { stashScenario as stash } from '../stash.js';

export const STASH_SCENARIOS: readonly Scenario[] = [
  stash('close-vs-open', 'one opens and closes the file of an object while another opens it', [
    ['closer', 'open', 'close'],
    ['opener', 'open'],
  ]),
  stash('close-vs-close', 'two open and close it', [
    ['closer', 'open', 'close'],
    ['closer2', 'open', 'close'],
  ]),
  stash('open-vs-reopen', 'one opens it, another opens it twice', [
    ['opener', 'open'],
    ['reopener', 'open', 'open'],
  ]),
  stash('close-vs-close-reopen', 'both open and close it, and one opens it again', [
    ['closer', 'open', 'close'],
    ['reopener', 'open', 'close', 'open'],
  ]),
  stash('close-vs-two-opens', 'one opens and closes it while two others open it', [
    ['closer', 'open', 'close'],
    ['opener', 'open'],
    ['opener2', 'open'],
  ]),
  stash('three-closers', 'three open and close it', [
    ['closer', 'open', 'close'],
    ['closer2', 'open', 'close'],
    ['closer3', 'open', 'close'],
  ]),
  stash('open-reap-close', 'the object loses its last other user while its file is open', [
    ['reaper', 'open', 'reap', 'close'],
  ]),
];
