/** Exploring programs: exhaustively, by sampling, or along one schedule. */
export { brute, type BruteOptions, type BruteResult } from './brute.js';
export { extrapolate, type Estimate } from './estimate.js';
export { exploreDpor } from './dpor.js';
export {
  explore,
  isVacuous,
  letsFreesGoFirst,
  machineOptionsFor,
  missedStateChanceOf,
  mustSearchEveryOrder,
  renamingOf,
  smallestBugs,
  verdictOf,
} from './explore.js';
export type { Doom } from './counter.js';
export { explain, type ExplainOptions, type Explanation } from './explain.js';
export { Limits } from './limits.js';
export {
  checkLiveness,
  type Livelock,
  type LivenessOptions,
  type LivenessResult,
  type LockFreedom,
  type RetryBound,
  type Wait,
} from './liveness.js';
export { COMMANDS, Mailboxes } from './mailbox.js';
export { editsOf, LenientRun, type Near } from './near.js';
export { nearbyFailing } from './nearby.js';
export { Outlook } from './outlook.js';
export * from './program.js';
export { Prng } from './prng.js';
export {
  leadsBack,
  replay,
  type ReplayFinding,
  type ReplayOptions,
  type ReplayResult,
} from './replay.js';
export { BugBook, switchesIn } from './run.js';
export { KEY_BITS, SharedStateTable } from './state-table.js';
export { GOES_ROUND, STALE_POINTER, StateSearch, TABLE_FULL, type Frontier } from './states.js';
export { straightSchedule } from './straight.js';
export { splitBugs } from './split.js';
export { assertSymmetric } from './symmetry.js';
export { splitUnits } from './units.js';
export { framesOf, functionAt, titleOf, type Frame } from './titles.js';
