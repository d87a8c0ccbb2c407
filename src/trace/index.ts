/** Traces: recording and rendering one interleaving. */
export { explanationLines, percent, type ExplanationOptions } from './explanation.js';
export { dotOfObjects, happensBeforeDot } from './dot.js';
export { ftrace, FTRACE_LINE } from './ftrace.js';
export { junit } from './junit.js';
export {
  createKernelLog,
  KERNEL_LEVELS,
  logTrace,
  type KernelLevel,
  type KernelLog,
} from './klog.js';
export { ladder, PLAIN, type LadderOptions, type Palette } from './ladder.js';
export { lanes } from './lanes.js';
export { perfetto } from './perfetto.js';
export type { CheckReport, ReportedBug } from './report.js';
export { sarif } from './sarif.js';
export { stateText } from './state.js';
export { splat } from './splat.js';
export { Names } from './names.js';
export { Recorder, type Replayed } from './recorder.js';
export * from './schema.js';
export { Snapshots, type ObjectView, type Snapshot } from './snapshots.js';
export { pendingWords } from './pending.js';
export { ASCII as ASCII_WORDS, functionOf, UNICODE as WORDS, wordsOf, wrap } from './words.js';
