/** Traces: recording and rendering one interleaving. */
export { explanationLines, type ExplanationOptions } from './explanation.js';
export {
  createKernelLog,
  KERNEL_LEVELS,
  logTrace,
  type KernelLevel,
  type KernelLog,
} from './klog.js';
export { ladder, PLAIN, type LadderOptions, type Palette } from './ladder.js';
export { Names } from './names.js';
export { Recorder, type Replayed } from './recorder.js';
export * from './schema.js';
export { Snapshots, type ObjectView, type Snapshot } from './snapshots.js';
