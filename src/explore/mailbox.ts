/**
 * Threads that search states together: who is out of work, and handing work over.
 *
 * One mailbox per thread in shared memory. A thread without work is counted as idle and sleeps on
 * its mailbox; whoever finds it empty writes a path into it and takes the receiver off the count.
 * Invariant: once all are idle no path is under way, so everything is explored.
 */

import type { Sharing } from './states.js';
import type { Decision } from './program.js';

const IDLE = 0;
const COMMAND = 1;
const HEADER_WORDS = 2;
/** Words of one mailbox: its state, the length of its text, and the text. */
const BOX_WORDS = 8192;

const BOX = { busy: 0, empty: 1, writing: 2, full: 3 } as const;

/** What the threads are told from outside. */
export const COMMANDS = { work: 0, stop: 1, pause: 2 } as const;

const WAIT_MS = 20;

/** How exploring threads are told to stop, and hand each other work, in shared memory. */
export class Mailboxes implements Sharing {
  readonly #words: Int32Array;
  readonly #threads: number;
  readonly #me: number;

  /** Memory for so many threads. */
  static allocate(threads: number): SharedArrayBuffer {
    const buffer = new SharedArrayBuffer(4 * (HEADER_WORDS + threads * BOX_WORDS));
    new Int32Array(buffer)[IDLE] = threads;
    return buffer;
  }

  /** @param me this thread's number, from 0; -1 for who only gives commands */
  constructor(buffer: SharedArrayBuffer, me: number) {
    this.#words = new Int32Array(buffer);
    this.#threads = (this.#words.length - HEADER_WORDS) / BOX_WORDS;
    this.#me = me;
  }

  #box(thread: number): number {
    return HEADER_WORDS + thread * BOX_WORDS;
  }

  /** Tell all threads what to do. `work` only while none of them is searching. */
  command(command: number): void {
    Atomics.store(this.#words, COMMAND, command);
    if (command === COMMANDS.work) {
      Atomics.store(this.#words, IDLE, this.#threads);
      for (let t = 0; t < this.#threads; t += 1) {
        Atomics.store(this.#words, this.#box(t), BOX.busy);
      }
    }
    for (let t = 0; t < this.#threads; t += 1) Atomics.notify(this.#words, this.#box(t));
  }

  get commanded(): number {
    return Atomics.load(this.#words, COMMAND);
  }

  wanted(): boolean {
    if (Atomics.load(this.#words, IDLE) === 0) return false;
    for (let t = 0; t < this.#threads; t += 1) {
      if (Atomics.load(this.#words, this.#box(t)) === BOX.empty) return true;
    }
    return false;
  }

  /**
   * Count one thread as busy that is about to be started; the others count as idle. Whoever starts
   * threads calls it for each of them first: a thread must not see all idle before they are up.
   */
  join(): void {
    Atomics.sub(this.#words, IDLE, 1);
  }

  give(path: readonly Decision[]): boolean {
    const text = path.map(({ task, choice }) => `${task}:${choice}`).join(' ');
    if (text.length > BOX_WORDS - 2) return false;
    for (let t = 0; t < this.#threads; t += 1) {
      const box = this.#box(t);
      if (Atomics.compareExchange(this.#words, box, BOX.empty, BOX.writing) !== BOX.empty) continue;
      // Before the receiver can run dry again: the count must never say that all are idle while
      // a path is under way.
      Atomics.sub(this.#words, IDLE, 1);
      for (let i = 0; i < text.length; i += 1) this.#words[box + 2 + i] = text.charCodeAt(i);
      this.#words[box + 1] = text.length;
      Atomics.store(this.#words, box, BOX.full);
      Atomics.notify(this.#words, box);
      return true;
    }
    return false;
  }

  /**
   * Wait for a path. Blocks the thread.
   * @returns null if there is nothing left to do anywhere, or if a command came
   */
  take(): Decision[] | null {
    const words = this.#words;
    const box = this.#box(this.#me);
    Atomics.store(words, box, BOX.empty);
    Atomics.add(words, IDLE, 1);
    for (;;) {
      const state = Atomics.load(words, box);
      if (state === BOX.full) {
        let text = '';
        for (let i = 0; i < words[box + 1]; i += 1) text += String.fromCharCode(words[box + 2 + i]);
        Atomics.store(words, box, BOX.busy);
        return text.split(' ').map(decisionOf);
      }
      const over = Atomics.load(words, IDLE) === this.#threads || this.commanded !== COMMANDS.work;
      // Who gives up must not be given anything any more.
      if (over && Atomics.compareExchange(words, box, BOX.empty, BOX.busy) === BOX.empty) {
        for (let t = 0; t < this.#threads; t += 1) Atomics.notify(words, this.#box(t));
        return null;
      }
      Atomics.wait(words, box, state, WAIT_MS);
    }
  }
}

function decisionOf(text: string): Decision {
  const colon = text.lastIndexOf(':');
  return { task: text.slice(0, colon), choice: Number(text.slice(colon + 1)) };
}
