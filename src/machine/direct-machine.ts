/**
 * What stands for the machine when a kernel of the direct build is made: objects whose fields are
 * plain, and functions that every kernel with the same ones shares.
 */

import { Tuple } from './direct-lists.js';

let structs = 0;

/** A kernel object: fields are plain. */
export abstract class Struct {
  readonly vid: number;

  constructor(_kind: string) {
    structs += 1;
    this.vid = structs;
  }

  get kind(): string {
    return this.constructor.name;
  }

  protected cell<T>(_name: string, initial: T): T {
    return initial;
  }

  protected lockCell(_name: string, _class: string, initial = 0): number {
    return initial;
  }

  protected refcount(_name: string, initial: number): number {
    return initial;
  }

  protected shadow<T>(_name: string, initial: T): T {
    return initial;
  }
}

export class Slab {
  readonly create: (...args: unknown[]) => unknown;

  constructor(_name: string, create: (...args: unknown[]) => unknown) {
    this.create = create;
  }
}

/** What stands for the machine when a kernel is built. */
export class Machine {
  readonly ruled = false;
  readonly store = {
    values: {
      declare: (): void => undefined,
      list: <T>(items: readonly T[]): Tuple<T> => new Tuple(items),
      bag: <T>(items: readonly T[]): Tuple<T> => new Tuple(items),
    },
  };

  section(): object {
    return {};
  }

  global<T>(object: T): T {
    return object;
  }

  boot<T>(body: () => T): T {
    return body();
  }
}

/** Kernel code, called with whatever the kernel has. */
export type Body = (...args: unknown[]) => unknown;

type Functions = Readonly<Record<string, Body>>;

/** The functions that any kernel was given so far: kernels with the same ones share them. */
const KNOWN: Functions[] = [];

/**
 * Give a kernel its functions. They are on a prototype, which engines keep quick however many there
 * are; kernel code that is built directly hands over the kernel itself.
 */
export function bind_functions(kernel: object, functions: Functions): void {
  const all: Functions = { ...(Object.getPrototypeOf(kernel) as Functions), ...functions };
  const names = Object.keys(all);
  let known = KNOWN.find(
    (other) =>
      Object.keys(other).length === names.length &&
      names.every((name) => other[name] === all[name]),
  );
  if (known === undefined) {
    known = all;
    KNOWN.push(all);
  }
  Object.setPrototypeOf(kernel, known);
}

export function branch(fn: string, what: string): object {
  return { fn, what };
}
