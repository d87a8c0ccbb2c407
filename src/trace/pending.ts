/**
 * What a task is about to do, in words: the access that its next step makes, before it is made.
 *
 * Invariant: nothing here tells more than the task could know: what a load will find is shown
 * because memory is as it is now, and somebody else's step may change it.
 */

import { KIND, type Struct, type AnyOp, type Cell } from '../machine/index.js';
import type { Names } from './names.js';
import type { Glyphs } from './words.js';

/** `cmpxchg ns#1.stashed NULL → dentry#1 (is NULL)` */
export function pendingWords(op: AnyOp, names: Names, glyphs: Glyphs): string {
  const cell = op.cell as Cell | null;
  const value = (what: unknown): string => names.value(what, cell);
  const where = cell === null ? '' : `${names.of(cell.struct)}.${cell.name}`;
  const lock = cell === null ? '' : `${names.of(cell.struct)}.${cell.lockClass ?? cell.name}`;
  const is = cell === null ? '' : `(is ${value(cell.value)})`;
  switch (op.kind) {
    case KIND.read:
      return `read ${where} ${is}`;
    case KIND.write:
      return `${where} = ${value(op.a)} ${is}`;
    case KIND.xchg:
      return `xchg ${where} ${glyphs.change} ${value(op.a)} ${is}`;
    case KIND.cmpxchg:
      return `cmpxchg ${where} ${value(op.a)} ${glyphs.change} ${value(op.b)} ${is}`;
    case KIND.add:
      return `add ${String(op.a)} to ${where} ${is}`;
    case KIND.or:
      return `set bits ${value(op.a)} in ${where} ${is}`;
    case KIND.and:
      return `keep bits ${value(op.a)} of ${where} ${is}`;
    case KIND.refInc:
      return `${where} gets one more ${is}`;
    case KIND.refDec:
      return `${where} gets one less ${is}`;
    case KIND.lock:
      return `take ${lock}`;
    case KIND.trylock:
      return `try to take ${lock}`;
    case KIND.unlock:
      return `release ${lock}`;
    case KIND.listAdd:
      return `add ${names.value(op.a, null)} to ${where}`;
    case KIND.listDel:
      return `remove ${names.value(op.a, null)} from ${where}`;
    case KIND.await:
      return `wait for ${where} ${is}`;
    case KIND.relax:
      return 'try again';
    case KIND.alloc:
      return `allocate from ${(op.a as Struct).kind}`;
    case KIND.free:
      return `free ${names.of(op.a as Struct)}`;
    case KIND.choose:
      return `choose one of ${String(op.a)}`;
    case KIND.sectionEnter:
      return 'rcu_read_lock';
    case KIND.sectionExit:
      return 'rcu_read_unlock';
    case KIND.sectionSnapshot:
      return 'ask for a grace period';
    case KIND.sectionAwait:
      return 'go on after the grace period';
    case KIND.spawn:
      return 'queue a callback';
    case KIND.join:
      return `wait for ${(op.a as { name: string }).name} to end`;
    case KIND.atomic:
      return (op.a as { label: string }).label;
    default:
      return 'go on';
  }
}
