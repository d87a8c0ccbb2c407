/**
 * A grace period that can never end.
 *
 * A kernel thread looks at a flag again and again, inside an RCU reader. Whoever sets the flag does so
 * in a callback, after a grace period, and that waits for the thread to leave its reader. No grace
 * period ends any more, so nothing is freed; the kernel prints a stall after 21 seconds. Here it is
 * found at once, because nobody but the grace period is left to wait. What helps is to look inside the
 * reader and to wait outside.
 */

import {
  await_until,
  branch,
  cover,
  READ_ONCE,
  spawn,
  Struct,
  WRITE_ONCE,
  type KernelFunction,
  type Task,
} from '../../../machine/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { machineFor, type Scenario } from '../../scenario.js';
import { kernelWith } from '../races/race.js';

const WAITS = branch('poll_config', 'waits for the flag inside its reader');
const LOOKS = branch('poll_config', 'leaves its reader before it waits');

class Config extends Struct {
  readonly ready = this.cell('ready', false);

  constructor() {
    super('config');
  }
}

/** Wait until the configuration is ready. A kernel thread; may sleep. */
function* poll_config(k: VfsKernel, config: Config): Task<void> {
  for (;;) {
    yield* k.rcu_read_lock();
    const ready = yield* READ_ONCE(config.ready);
    yield* k.rcu_read_unlock();
    if (ready) return;
    yield* cover(LOOKS);
    yield* await_until(config.ready, (now) => now);
  }
}

const inside = function* poll_config(k: VfsKernel, config: Config): Task<void> {
  yield* k.rcu_read_lock();
  yield* cover(WAITS);
  yield* await_until(config.ready, (now) => now);
  yield* k.rcu_read_unlock();
};

function* make_ready(_k: never, config: Config): Task<void> {
  yield* WRITE_ONCE(config.ready, true);
}

type Kernel = VfsKernel & { poll_config(config: Config): Task<void> };

function* poller(k: Kernel, config: Config): Task<void> {
  yield* k.poll_config(config);
}

const common = { version: 'v7.3' } as const;

/** The scenario `rcu/stall`. */
export const stall: Scenario = {
  name: 'rcu/stall',
  title: 'a kernel thread waits inside its reader for what comes after a grace period',
  variants: [
    {
      ...common,
      name: 'spins',
      summary: 'the thread waits inside its reader',
      functions: { poll_config: inside },
    },
    {
      ...common,
      name: 'looks',
      summary: 'the thread leaves its reader before it waits',
      functions: {},
    },
  ],
  newest: 'looks',
  invariants: [],
  branches: () => [WAITS, LOOKS],
  build: (options, machineOptions) => {
    const machine = machineFor(options, machineOptions);
    const own: Readonly<Record<string, KernelFunction>> = { poll_config };
    const k = kernelWith(machine, options, own) as unknown as Kernel;
    const config = machine.global(new Config(), 'config');
    machine.addTask({ name: 'setup' }, function* () {
      yield* spawn({ name: 'kthread', actor: true }, poller, k, config);
      yield* k.call_rcu(config, make_ready);
    });
    return { machine, atEnd: () => undefined };
  },
};
