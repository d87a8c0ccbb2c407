/** Inodes in every interleaving of two tasks: one object per number, one eviction, nothing lost. */

import { describe, expect, test } from 'vitest';
import { explore, type ExploreResult, type Program } from '../../src/explore/index.js';
import {
  E,
  LIFE,
  READ_ONCE,
  Struct,
  WARN,
  WRITE_ONCE,
  type Branch,
  type KernelFunction,
  type Machine,
  type Task,
} from '../../src/machine/index.js';
import {
  create_kernel,
  EVICT_BRANCHES,
  I_CLEAR,
  I_FREEING,
  I_NEW,
  ICACHE_BRANCHES,
  Inode,
  INODE_LRU_BRANCHES,
  INODE_V6_9_BRANCHES,
  SuperBlock,
  type Version,
  type VfsKernel,
} from '../../src/vfs/index.js';
import { program } from '../support/programs.js';

const INO = 7;

class Results extends Struct {
  readonly at = [0, 1, 2].map((i) => this.cell<unknown>(`at${i}`, null));
}

interface World {
  readonly k: VfsKernel;
  readonly sb: SuperBlock;
  readonly results: Results;
  /** The inode made before the tasks start. */
  readonly inode: Inode;
}

type Body = (world: World, me: number) => Task<void>;

interface Options {
  readonly version?: Version;
  readonly functions?: Readonly<Record<string, KernelFunction>>;
  /** The inode that is there at the start: used, unused, or none in the hash. */
  readonly start?: 'used' | 'unused' | 'none';
  readonly atEnd?: (machine: Machine, world: World) => void;
}

function inodes(bodies: readonly Body[], options: Options = {}): Program {
  let world: World;
  const made = program(
    'inodes',
    (machine) => {
      const k = create_kernel(machine, {
        version: options.version ?? 'v7.3',
        functions: options.functions ?? {},
      });
      const sb = machine.global(new SuperBlock('testfs', {}, {}, 0, null as never));
      const results = machine.global(new Results('results'));
      const inode = machine.boot(function* () {
        if (options.start === 'none') return (yield* k.new_inode(sb))!;
        const first = (yield* k.iget_locked(sb, INO))!;
        yield* k.unlock_new_inode(first);
        if (options.start === 'unused') yield* k.iput(first);
        return first;
      });
      world = { k, sb, results, inode };
      for (const [i, body] of bodies.entries()) {
        const here = world;
        machine.addTask({ name: `t${i}` }, () => body(here, i));
      }
    },
    (machine) => options.atEnd?.(machine, world),
  );
  return {
    ...made,
    branches: [
      ...ICACHE_BRANCHES,
      ...EVICT_BRANCHES,
      ...INODE_LRU_BRANCHES,
      ...INODE_V6_9_BRANCHES,
    ],
  };
}

function check(p: Program): ExploreResult {
  return explore(p, { keepGoing: true, minimise: false });
}

function titles(result: ExploreResult): string[] {
  return result.bugs.map(({ title }) => title).sort();
}

function takes(result: ExploreResult, fn: string, what: string): boolean {
  return result.taken.some((branch: Branch) => branch.fn === fn && branch.what.includes(what));
}

function live(machine: Machine): Inode[] {
  return machine.allocated.filter(
    (object): object is Inode => object instanceof Inode && object.life.value === LIFE.live,
  );
}

function* get({ k, sb, results }: World, me: number): Task<Inode> {
  const inode = (yield* k.iget_locked(sb, INO))!;
  if (((yield* READ_ONCE(inode.i_state)) & I_NEW) !== 0) yield* k.unlock_new_inode(inode);
  if (((yield* READ_ONCE(inode.i_state)) & (I_FREEING | I_CLEAR)) !== 0)
    yield* WARN('WARNING: iget of an inode that is being freed');
  yield* WRITE_ONCE(results.at[me], inode);
  return inode;
}

function* getter(world: World, me: number): Task<void> {
  yield* get(world, me);
}

function* user(world: World, me: number): Task<void> {
  yield* world.k.iput(yield* get(world, me));
}

function* unlinker({ k, inode }: World): Task<void> {
  yield* k.clear_nlink(inode);
  yield* k.iput(inode);
}

function* umounter({ k, sb }: World): Task<void> {
  yield* k.evict_inodes(sb);
}

function* shrinker({ k, sb }: World): Task<void> {
  yield* k.prune_icache_sb(sb);
}

function* inserter({ k, sb, results }: World, me: number): Task<void> {
  const inode = (yield* k.new_inode(sb))!;
  yield* WRITE_ONCE(inode.i_ino, INO);
  const error = yield* k.insert_inode_locked(inode);
  if (error === 0) yield* k.unlock_new_inode(inode);
  yield* WRITE_ONCE(results.at[me], error);
}

const fail = (machine: Machine, title: string): void =>
  machine.addFinding({ kind: 'invariant', title, detail: '' });

const VERSIONS = ['v6.9', 'v7.3'] as const;

describe.each(VERSIONS)('%s', (version) => {
  test('two look-ups of one number get the same inode', () => {
    const result = check(
      inodes([getter, getter], {
        version,
        start: 'none',
        atEnd: (machine, { results }) => {
          if (results.at[0].value !== results.at[1].value) fail(machine, 'two inodes');
          const inode = results.at[0].value as Inode;
          if (inode.i_count.value !== 2) fail(machine, `count ${inode.i_count.value}`);
        },
      }),
    );
    expect(titles(result)).toEqual([]);
    expect(result.verdict).toBe('HOLDS');
    expect(takes(result, 'iget_locked', 'drops its own inode')).toBe(true);
    expect(takes(result, 'wait_on_new_inode', 'waits')).toBe(true);
  });

  test('a look-up of an unlinked inode gets it alive or waits until it is gone', () => {
    const outcomes = new Set<string>();
    const result = check(
      inodes([unlinker, getter], {
        version,
        atEnd: (machine, { results, inode }) => {
          const got = results.at[1].value as Inode;
          outcomes.add(got === inode ? 'the old one' : 'a new one');
          const hashed = live(machine).filter(({ i_hashed }) => i_hashed.value);
          if (hashed.length !== 1 || hashed[0] !== got) fail(machine, 'another inode is hashed');
        },
      }),
    );
    expect(titles(result)).toEqual([]);
    expect(result.verdict).toBe('HOLDS');
    expect([...outcomes].sort()).toEqual(['a new one', 'the old one']);
    if (version === 'v7.3') {
      expect(takes(result, 'find_inode', 'is being freed')).toBe(true);
      expect(takes(result, '__wait_on_freeing_inode', 'has left the hash')).toBe(true);
    }
  });

  test('of two that insert one number one gets -EBUSY', () => {
    const result = check(
      inodes([inserter, inserter], {
        version,
        start: 'none',
        atEnd: (machine, { results }) => {
          const got = results.at.slice(0, 2).map(({ value }) => value);
          if (got.filter((value) => value === 0).length !== 1) fail(machine, 'not one winner');
          if (!got.includes(-E.EBUSY)) fail(machine, 'nobody was refused');
        },
      }),
    );
    expect(titles(result)).toEqual([]);
    expect(result.verdict).toBe('HOLDS');
  });

  test('the shrinker frees an unused inode or leaves it to who uses it', () => {
    const counts = new Set<number>();
    const result = check(
      inodes([shrinker, user], {
        version,
        start: 'unused',
        atEnd: (machine, { sb }) => {
          counts.add(live(machine).length);
          const [inode] = live(machine);
          if (inode.i_count.value !== 0) fail(machine, 'a reference is lost');
          if (![...(sb.s_inode_lru.value ?? [])].includes(inode)) fail(machine, 'not on the list');
        },
      }),
    );
    expect(titles(result)).toEqual([]);
    expect(result.verdict).toBe('HOLDS');
    expect([...counts]).toEqual([1]);
    expect(takes(result, 'inode_lru_isolate', 'skips')).toBe(true);
    expect(takes(result, 'inode_lru_isolate', 'used inode')).toBe(true);
    expect(takes(result, 'inode_lru_isolate', 'to free it')).toBe(true);
  });
});

describe('evict_inodes against iget (CVE-2024-47679)', () => {
  test('v6.9 evicts an inode that is used again', () => {
    const found = titles(check(inodes([umounter, getter], { version: 'v6.9', start: 'unused' })));
    expect(found).toContain('WARNING: iget of an inode that is being freed in get');
  });

  test('v7.3 looks at the count again under i_lock', () => {
    const result = check(inodes([umounter, getter], { start: 'unused' }));
    expect(titles(result)).toEqual([]);
    expect(result.verdict).toBe('HOLDS');
    expect(takes(result, 'evict_inodes', 'used again')).toBe(true);
  });
});

describe('life of one inode', () => {
  function alone(body: Body, options: Options = {}): string[] {
    return titles(check(inodes([body], options)));
  }

  test('an unused inode is kept, gets a second chance, and goes', () => {
    expect(
      alone(function* (world) {
        const { k, sb, inode } = world;
        yield* k.iput(inode);
        yield* k.iput(yield* get(world, 0));
        if ((yield* k.prune_icache_sb(sb)) !== 0) yield* WARN('no second chance');
        if ((yield* k.prune_icache_sb(sb)) !== 1) yield* WARN('not freed');
        if ((yield* k.ilookup(sb, INO)) !== null) yield* WARN('still found');
      }),
    ).toEqual([]);
  });

  test('umount evicts what is unused and complains of what is not', () => {
    expect(
      alone(function* ({ k, sb, inode }) {
        yield* k.iput(inode);
        yield* k.generic_shutdown_super(sb);
      }),
    ).toEqual([]);
    expect(
      alone(function* ({ k, sb }) {
        yield* k.generic_shutdown_super(sb);
      }),
    ).toEqual(['VFS: Busy inodes after unmount in generic_shutdown_super']);
  });

  test('igrab takes what is alive, ihold what one has', () => {
    expect(
      alone(function* ({ k, inode }) {
        yield* k.ihold(inode);
        yield* k.iput(inode);
        if ((yield* k.igrab(inode)) !== inode) yield* WARN('not grabbed');
        yield* k.iput(inode);
        yield* k.iput(inode);
        yield* k.ihold(inode);
      }),
    ).toEqual(['WARNING: ihold of a dead inode in ihold']);
  });

  test('a new inode that fails to fill in is discarded, and its number is free', () => {
    expect(
      alone(
        function* ({ k, sb }) {
          const inode = (yield* k.iget_locked(sb, INO))!;
          yield* k.clear_nlink(inode);
          yield* k.discard_new_inode(inode);
          if ((yield* k.ilookup(sb, INO)) !== null) yield* WARN('still found');
        },
        { start: 'none' },
      ),
    ).toEqual([]);
  });

  test('iget5_locked finds by its own test', () => {
    function* same(_k: never, inode: Inode, data: unknown): Task<boolean> {
      return (yield* READ_ONCE(inode.i_generation)) === data;
    }
    function* become(_k: never, inode: Inode, data: unknown): Task<number> {
      yield* WRITE_ONCE(inode.i_generation, data as number);
      return 0;
    }
    expect(
      alone(
        function* ({ k, sb }) {
          const first = (yield* k.iget5_locked(sb, 0, same, become, 3))!;
          yield* k.unlock_new_inode(first);
          const second = yield* k.iget5_locked(sb, 0, same, become, 3);
          const other = yield* k.iget5_locked(sb, 0, same, become, 4);
          if (second !== first || other === first) yield* WARN('wrong inode');
        },
        { start: 'none' },
      ),
    ).toEqual([]);
  });
});

describe('what is done wrong is found', () => {
  test('eviction that does not wake the sleepers hangs them', () => {
    function* wake_nobody(): Task<void> {}
    expect(
      titles(check(inodes([unlinker, getter], { functions: { wake_up_bit: wake_nobody } }))),
    ).toContainEqual(expect.stringMatching(/^INFO: task hung/));
  });
});
