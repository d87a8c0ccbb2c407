/**
 * Why an interleaving fails, in a few lines: how the chance of it grew, what decides, and what is
 * proved about its size.
 *
 * Invariant: 100 % and 0 % are printed only for certain and impossible.
 */

import type { Palette } from './ladder.js';
import { PLAIN } from './ladder.js';
import type { Trace, TraceExplanation, TraceOperation } from './schema.js';
import { ASCII, functionOf, UNICODE, wordsOf, wrap } from './words.js';

export interface ExplanationOptions {
  readonly width?: number;
  readonly ascii?: boolean;
  readonly palette?: Palette;
}

const BARS = [...'▁▂▃▄▅▆▇█'];
const ASCII_BARS = [...'_.:-=+*#'];
const CURVE_MAX = 24;

/** The lines `doom`, `why` and `min`. */
export function explanationLines(
  trace: Trace,
  explanation: TraceExplanation,
  options: ExplanationOptions = {},
): string[] {
  const width = Math.max(60, options.width ?? 80);
  const palette = options.palette ?? PLAIN;
  const line = (name: string, text: string): string[] => {
    const [first, ...others] = wrap(text, width - 8);
    return [`  ${palette.name(name.padEnd(4))}  ${first}`, ...others.map((o) => `        ${o}`)];
  };
  const lines = [
    ...line('doom', doomWords(explanation, options.ascii === true ? ASCII_BARS : BARS)),
    ...line('why', whyWords(trace, explanation, options.ascii === true)),
    ...line('min', proofWords(trace, explanation)),
  ];
  if (explanation.stopped !== null) {
    lines.push(...line('note', `the explanation is not complete: ${explanation.stopped}`));
  }
  return lines;
}

function doomWords({ doom, noReturn }: TraceExplanation, bars: readonly string[]): string {
  const known = doom.findIndex((share) => share !== null);
  if (known < 0) return 'not counted';
  const shares = doom.slice(known).map((share) => share ?? 0);
  const size = Math.ceil(shares.length / CURVE_MAX);
  let curve = '';
  for (let i = 0; i < shares.length; i += size) {
    curve += barOf(Math.max(...shares.slice(i, i + size)), bars);
  }
  const start = known === 0 ? 'of all interleavings' : `after step ${known}`;
  const parts = [`${percent(shares[0])} ${start} fail`];
  if (noReturn !== null && noReturn > known) {
    parts.push(
      `${percent(doom[noReturn - 1] ?? 0)} after step ${noReturn - 1}`,
      `all after step ${noReturn}`,
    );
  }
  return `${curve}  ${parts.join('; ')}`;
}

function barOf(share: number, bars: readonly string[]): string {
  if (share >= 1) return bars.at(-1)!;
  // The full bar is for what is certain.
  return bars[Math.min(bars.length - 2, Math.floor(share * (bars.length - 1)))];
}

/** A share for reading: never 0 % or 100 % unless it is exactly that. */
export function percent(share: number): string {
  if (share === 0 || share === 1) return `${share * 100} %`;
  const value = share * 100;
  if (value > 99.9) return 'over 99.9 %';
  if (value < 0.01) return `${value.toExponential(0)} %`;
  return `${value.toFixed(value < 1 ? 2 : 1)} %`;
}

function whyWords(trace: Trace, { near }: TraceExplanation, ascii: boolean): string {
  const cause = useAfterFreeWords(trace);
  if (near === null) {
    return cause ?? 'no change of the order of two neighbouring runs of steps makes it pass';
  }
  const glyphs = ascii ? ASCII : UNICODE;
  const [first, second] = near.pair.map((step) => mainOf(trace, step));
  const words = (operation: TraceOperation | undefined): string =>
    operation === undefined
      ? '?'
      : `${functionOf(operation, trace.tasks[operation.task].name)} (${wordsOf(operation, glyphs)})`;
  const outcome = near.every === true ? 'every continuation passes' : 'it can pass';
  const swap = `With step ${near.pair[1]} before step ${near.pair[0]} ${outcome}.`;
  if (cause !== null) return `${cause}. ${swap}`;
  return `${swap} ${near.pair[0]} is ${words(first)}, ${near.pair[1]} is ${words(second)}`;
}

function mainOf(trace: Trace, step: number): TraceOperation | undefined {
  const inStep = trace.operations.filter((operation) => operation.step === step);
  return inStep.find(({ main }) => main) ?? inStep[0];
}

/** Why nothing kept the memory: where the pointer came from, and who did not wait for it. */
function useAfterFreeWords(trace: Trace): string | null {
  const finding = trace.findings.find(({ title }) => title.includes('use-after-free'));
  const use = trace.operations[(finding?.operation ?? 0) - 1];
  if (use === undefined || use.object === null) return null;
  const { object } = use;
  const free = trace.operations[(trace.freed[object] ?? 0) - 1];
  const load = trace.operations.findLast(
    ({ n, task, value }) => n < use.n && task === use.task && value === object,
  );
  if (free === undefined || load === undefined) return null;
  const who = trace.tasks[use.task].name;
  const asked = trace.operations.findLast(({ n, starts }) => n < free.n && starts === free.task);
  const loads = `${who} loads the pointer to ${object} in step ${load.step}`;
  if (load.step > free.step) return `${loads}, after it was freed in step ${free.step}`;
  if (asked === undefined) return `${loads}; step ${free.step} frees it without a grace period`;
  return load.rcuDepth === 0
    ? `${loads} outside RCU, so the grace period asked for in step ${asked.step} does not wait for it`
    : `${loads}, inside RCU, and leaves before the use`;
}

function proofWords({ steps, switches }: Trace, { minimal }: TraceExplanation): string {
  const size = `${steps} ${steps === 1 ? 'step' : 'steps'}, ${switches} ${switches === 1 ? 'switch' : 'switches'}`;
  if (!minimal) return `${size}: not proved to be the smallest`;
  if (switches === 0) return `${size}: no shorter run fails so (proved)`;
  return `${size}: none with fewer switches fails so, nor one with as many and fewer steps (proved)`;
}
