/** Exploring programs: exhaustively, by sampling, or along one schedule. */
export { brute, type BruteOptions, type BruteResult } from './brute.js';
export { explore } from './explore.js';
export * from './program.js';
export { Prng } from './prng.js';
export { replay, type ReplayFinding, type ReplayOptions, type ReplayResult } from './replay.js';
export { switchesIn } from './run.js';
export { framesOf, functionAt, titleOf, type Frame } from './titles.js';
