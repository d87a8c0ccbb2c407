/** An epoll that watches one file, without a reference on it: what both races of epoll are about. */

import { Struct, type Cell, type Machine, type Spinlock } from '../../../machine/index.js';
import { allocate } from './allocate.js';

export class WatchedFile extends Struct {
  readonly f_count = this.refcount('f_count', 1);
  readonly f_lock: Spinlock = this.lockCell('f_lock', 'f_lock');
  /** Is the file watched? */
  readonly f_ep = this.cell('f_ep', true);

  constructor() {
    super('file');
  }
}

/** The mutex keeps the teardown of a watched file away; a lock will do. */
export class EventPoll extends Struct {
  readonly mtx: Spinlock = this.lockCell('mtx', 'ep->mtx');
  readonly epi: Cell<WatchedFile | null> = this.cell<WatchedFile | null>('epi', null);

  constructor() {
    super('eventpoll');
  }
}

/** What the tasks share. */
export function watched(machine: Machine): { ep: EventPoll; file: WatchedFile } {
  const ep = machine.global(new EventPoll(), 'eventpoll');
  return { ep, file: allocate(machine, () => new WatchedFile(), ep.epi) };
}
