/**
 * The machine of the direct build: one processor, no schedule, every operation done at once.
 *
 * tools/direct/build.js turns kernel code into plain functions over plain fields and puts this in
 * the place of the machine. Invariant: an operation answers what the simulated machine would answer
 * if no other task ever ran.
 */

import { Tuple } from './direct-lists.js';
import type { Field } from './direct-fields.js';
import type { Body, Slab } from './direct-machine.js';

export * from './direct-fields.js';
export * from './direct-lists.js';
export * from './direct-machine.js';
export * from './err.js';

/** Thrown when the library is used wrongly; the message says what to do instead. */
export class MisuseError extends Error {
  override readonly name: string = 'MisuseError';
}

/** Kernel code would have to wait for somebody, and there is nobody else. */
export class WouldBlock extends Error {
  override readonly name: string = 'WouldBlock';
}

export function call(body: Body, ...args: unknown[]): unknown {
  return body(...args);
}

export function spawn(_options: unknown, body: Body, ...args: unknown[]): unknown {
  return body(...args);
}

export function kmem_cache_alloc(slab: Slab, ...args: unknown[]): unknown {
  return slab.create(...args);
}

export function xchg(ref: Field, value: unknown): unknown {
  const old = ref.value;
  ref.value = value;
  return old;
}

export function cmpxchg(ref: Field, expected: unknown, value: unknown): unknown {
  const old = ref.value;
  if (old === expected) ref.value = value;
  return old;
}

export function try_cmpxchg(ref: Field, expected: unknown, value: unknown): boolean {
  return cmpxchg(ref, expected, value) === expected;
}

export function atomic_fetch_add(ref: Field, amount: number): number {
  const old = ref.value as number;
  ref.value = old + amount;
  return old;
}

export function atomic_fetch_or(ref: Field, bits: number): number {
  const old = ref.value as number;
  ref.value = old | bits;
  return old;
}

export function atomic_fetch_and(ref: Field, bits: number): number {
  const old = ref.value as number;
  ref.value = old & bits;
  return old;
}

export function refcount_inc(ref: Field): boolean {
  return atomic_fetch_add(ref, 1) > 0;
}

export function refcount_dec(ref: Field): number {
  return Math.min(1, atomic_fetch_add(ref, -1) - 1);
}

/** What await_until answers. */
export function awaited(value: unknown, condition: (value: unknown) => boolean): unknown {
  if (!condition(value)) throw new WouldBlock('waits for a change');
  return value;
}

export function await_until(ref: Field, condition: (value: unknown) => boolean): unknown {
  return awaited(ref.value, condition);
}

/** Nobody else is there who could wake the caller. */
export function sleep_until(ref: Field, isWoken: (value: unknown) => boolean): unknown {
  return await_until(ref, isWoken);
}

export function cpu_relax(): void {
  throw new WouldBlock('waits for a change');
}

/** Nobody else ever holds a lock. */
export function spin_trylock(): boolean {
  return true;
}

export function raw_write_seqcount_begin(ref: Field): void {
  ref.value = (ref.value as number) + 1;
}

export function raw_write_seqcount_end(ref: Field): void {
  raw_write_seqcount_begin(ref);
}

export function write_seqcount_invalidate(ref: Field): void {
  ref.value = (ref.value as number) + 2;
}

export function raw_seqcount_begin(ref: Field): number {
  return (ref.value as number) & ~1;
}

export function read_seqcount_begin(ref: Field): number {
  return raw_seqcount_begin(ref);
}

export function read_seqcount_retry(ref: Field, sample: number): boolean {
  return ref.value !== sample;
}

export function atomic_step(step: {
  run: (set: (ref: Field, value: unknown) => void) => unknown;
}): unknown {
  return step.run((ref, value) => {
    ref.value = value;
  });
}

export function section_actors(): Tuple {
  return new Tuple([]);
}

export function choose(): number {
  return 0;
}

export function WARN(title: string): void {
  throw new Error(title);
}

/** See retry.ts. */
export const AGAIN = Symbol('again');

export function retry(round: Body, ...args: unknown[]): unknown {
  const result = round(...args);
  // Another round would find what this one found.
  if (result === AGAIN) throw new WouldBlock('tries again until something changes');
  return result;
}

/** See memory.ts. */
export const LIFE = { unallocated: 0, live: 1, freed: 2 } as const;

/** Kinds of writes that rules ask for: nothing has rules here. */
export const KIND = {} as const;

/** See update.ts. */
export const GAVE_UP = Symbol('gave up');

export function cmpxchg_loop(ref: Field, next: (value: unknown) => unknown): unknown {
  const { value } = ref;
  const replacement = next(value);
  if (replacement !== undefined) ref.value = replacement;
  return value;
}

/** There is one processor. */
export function smp_processor_id(): number {
  return 0;
}
