/**
 * An operation in words, the same in every format.
 *
 * `➜` a value read, `=` a plain write, `→` a change in one step.
 */

import { lockOf } from './fold.js';
import type { TraceOperation } from './schema.js';

export interface Glyphs {
  readonly here: string;
  readonly rail: string;
  readonly bad: string;
  readonly read: string;
  readonly change: string;
  readonly fold: string;
}

/** Characters beyond ASCII. */
export const UNICODE: Glyphs = {
  here: '●',
  rail: '│',
  bad: '✗',
  read: '➜',
  change: '→',
  fold: '⋮',
};

export const ASCII: Glyphs = {
  here: 'o',
  rail: '|',
  bad: 'X',
  read: '->',
  change: '=>',
  fold: ':',
};

/** What the operation does: `cmpxchg ns#1.stashed NULL → dentry#1`. */
export function wordsOf(operation: TraceOperation, glyphs: Glyphs): string {
  const { object, field, value, wrote } = operation;
  const where = object === null ? '' : `${object}${field === null ? '' : `.${field}`}`;
  switch (operation.op) {
    case 'read':
    case 'await':
      return `${where} ${glyphs.read} ${value}`;
    case 'write':
      return `${where} = ${wrote}`;
    case 'cmpxchg':
      return wrote === null
        ? `cmpxchg ${where} fails, is ${value}`
        : `cmpxchg ${where} ${value} ${glyphs.change} ${wrote}`;
    case 'refInc':
      return `${where} gets one more, is ${wrote}`;
    case 'refDec':
      return `${where} gets one less, is ${wrote}`;
    case 'xchg':
    case 'add':
    case 'or':
    case 'and':
      return `${where} ${value} ${glyphs.change} ${wrote}`;
    case 'lock':
      return `${lockOf(operation)} taken`;
    case 'unlock':
      return `${lockOf(operation)} released`;
    case 'trylock':
      return wrote === null ? `${lockOf(operation)} is busy` : `${lockOf(operation)} taken (try)`;
    case 'listAdd':
      return `${where} gains ${wrote}`;
    case 'listDel':
      return `${where} loses ${wrote}`;
    case 'alloc':
      return value === 'NULL' ? 'no memory' : `${value} is allocated`;
    case 'free':
      return `${object} is FREED`;
    case 'sectionEnter':
      return 'rcu_read_lock';
    case 'sectionExit':
      return 'rcu_read_unlock';
    case 'atomic':
      return atomicWords(operation);
    case 'sectionSnapshot':
      return 'a grace period is asked for';
    case 'sectionAwait':
      return 'the grace period is over';
    case 'spawn':
      return `${value} is started`;
    case 'choose':
      return `chooses ${value}`;
    case 'relax':
      return 'cpu_relax';
    default:
      return `${operation.op}${where === '' ? '' : ` ${where}`}`;
  }
}

function atomicWords({ stack }: TraceOperation): string {
  const fn = stack[0]?.fn ?? '';
  if (fn === 'release') return 'the descriptor is closed';
  return fn === 'hold' ? 'the descriptor is open' : fn;
}

/** The kernel function that an operation is in. */
export function functionOf(operation: TraceOperation, task: string): string {
  return operation.stack[0]?.fn ?? task;
}

/** Break a text between words into lines of at most `width`; those after the first are indented. */
export function wrap(text: string, width: number, indent = ''): string[] {
  const lines: string[] = [];
  const lead = /^ */.exec(text)![0];
  let line = '';
  for (const word of text.slice(lead.length).split(' ')) {
    const longer = line === '' ? lead + word : line.trim() === '' ? line + word : `${line} ${word}`;
    if (line.trim() !== '' && [...longer].length > width) {
      lines.push(line);
      line = indent + word;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}
