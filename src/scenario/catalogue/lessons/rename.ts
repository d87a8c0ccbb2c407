/** Two fields that belong together, read without a lock: a sequence counter tells whether they do. */

import {
  AGAIN,
  raw_write_seqcount_begin,
  raw_write_seqcount_end,
  READ_ONCE,
  read_seqcount_begin,
  read_seqcount_retry,
  retry,
  Struct,
  WARN,
  WRITE_ONCE,
  type Task,
} from '../../../machine/index.js';
import { lesson } from './lesson.js';

const TOGETHER = 'parent and name belong together';

/** The moves, each a parent and a name. */
const PLACES = [
  ['/etc', 'hosts'],
  ['/tmp', 'backup'],
  ['/var', 'old'],
] as const;

class Entry extends Struct {
  readonly d_seq = this.cell('d_seq', 0);
  readonly parent = this.cell<string>('parent', PLACES[0][0]);
  readonly name = this.cell<string>('name', PLACES[0][1]);

  constructor() {
    super('entry');
  }
}

function* move(_k: unknown, entry: Entry, parent: string, name: string): Task<void> {
  yield* raw_write_seqcount_begin(entry.d_seq);
  yield* WRITE_ONCE(entry.parent, parent);
  yield* WRITE_ONCE(entry.name, name);
  yield* raw_write_seqcount_end(entry.d_seq);
}

function* look_once(entry: Entry): Task<string | typeof AGAIN> {
  const seq = yield* read_seqcount_begin(entry.d_seq);
  const parent = yield* READ_ONCE(entry.parent);
  const name = yield* READ_ONCE(entry.name);
  return (yield* read_seqcount_retry(entry.d_seq, seq)) ? AGAIN : `${parent}/${name}`;
}

/** The entry's path, as it was at one moment. */
function* path_of(_k: unknown, entry: Entry): Task<string> {
  return yield* retry(look_once, entry);
}

const unchecked = function* path_of(_k: unknown, entry: Entry): Task<string> {
  const parent = yield* READ_ONCE(entry.parent);
  const name = yield* READ_ONCE(entry.name);
  return `${parent}/${name}`;
};

export const rename = lesson({
  name: 'rename',
  title: 'one task reads where an entry is while another moves it, twice',
  own: { move, path_of },
  variants: [
    ['unchecked', 'reads both fields and hopes', { path_of: unchecked }],
    ['seq', 'reads again if the sequence counter has changed', {}],
  ],
  objects: (machine) => machine.global(new Entry(), 'entry'),
  tasks: {
    *reader(k, entry) {
      const path = yield* k.path_of(entry);
      const isPlace = PLACES.some(([parent, name]) => path === `${parent}/${name}`);
      if (!isPlace) yield* WARN(`invariant: ${TOGETHER}`);
    },
    *mover(k, entry) {
      for (const [parent, name] of PLACES.slice(1)) yield* k.move(entry, parent, name);
    },
  },
  checks: TOGETHER,
});
