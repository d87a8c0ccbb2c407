/**
 * What all explorers share: the end of a run, and the book of bugs found.
 *
 * Invariant: a run ends when no task can take a step. Then either every task has ended, and the
 * program's own end checks apply, or the waiting tasks wait for ever, which is a deadlock.
 */

import { Node, type Finding, type Machine, type TaskRec } from '../machine/index.js';
import type { Bug, Built, Decision, Schedule } from './program.js';
import { detailOf, functionAt, titleOf } from './titles.js';

/** Checks at the end of a run; leaves their findings in `machine.findings`. */
export function endOfRun({ machine, atEnd }: Built): void {
  machine.findings.length = 0;
  machine.findings.push(...machine.initialFindings);
  const waiting = machine.tasks.filter((task) => !task.ended.value);
  const died = machine.tasks.some((task) => isDead(task));
  if (waiting.length === 0) {
    for (const check of machine.atRest) check();
    atEnd();
    return;
  }
  if (died && waiting.every((task) => task.actor)) return;
  const places = waiting.filter((task) => !task.actor);
  if (places.length === 0) {
    machine.addFinding({
      kind: 'RCU',
      title: 'INFO: rcu detected stall: a grace period can never end',
      detail: stallOf(machine, waiting),
    });
    return;
  }
  const where = places.map((task) => ({
    name: task.name,
    fn: functionAt(machine, { task: task.index, node: task.node.value }),
    isLost: machine.sleepsInVain(task),
  }));
  const lost = where.filter(({ isLost }) => isLost);
  const functionsOf = (waits: readonly { fn: string }[]): string[] =>
    [...new Set(waits.map(({ fn }) => fn))].sort();
  machine.addFinding({
    kind: 'deadlock',
    title:
      lost.length === 0
        ? `INFO: task hung in ${functionsOf(where).join(' and ')}`
        : `lost wakeup: ${functionsOf(lost).join(' and ')} ` +
          `${functionsOf(lost).length === 1 ? 'sleeps' : 'sleep'} for what is true already`,
    detail: [
      ...where.map(
        ({ name, fn, isLost }) => `${name} ${isLost ? 'was not woken' : 'waits'} in ${fn}`,
      ),
      ...holdersOf(machine, waiting),
    ].join('; '),
  });
}

/** Who holds a grace period up, in the words of kernel/rcu/tree_stall.h; parts between semicolons. */
function stallOf(machine: Machine, waiting: readonly TaskRec[]): string {
  return [
    'rcu_preempt detected stalls on CPUs/tasks',
    ...holdersOf(machine, waiting),
    `waiting: ${waiting.map((task) => task.name).join(', ')}`,
  ].join('; ');
}

/** Each CPU that somebody waits to see out of a reader: `0-...: ioctl has ended inside a reader`. */
function holdersOf(machine: Machine, waiting: readonly TaskRec[]): string[] {
  const holders = new Set(waiting.flatMap((task) => machine.heldUpBy(task)));
  return [...holders].map(
    (task) =>
      `${task.cpu}-...: ${task.name} ${task.ended.value ? 'has ended' : 'waits'} inside a reader`,
  );
}

function isDead(task: TaskRec): boolean {
  const node = task.node.value;
  return node !== null && node.findings?.some((finding) => finding.kind === 'oops') === true;
}

/** Number of times the CPUs' task changed; actors of RCU run beside them and do not count. */
export function switchesIn(machine: Machine, schedule: readonly Decision[]): number {
  let last = '';
  let switches = 0;
  for (const { task } of schedule) {
    if (machine.taskOf(task)?.actor === true) continue;
    if (last !== '' && task !== last) switches += 1;
    last = task;
  }
  return switches;
}

/** Bugs by title; the first schedule of each is kept. */
export class BugBook {
  readonly #machine: Machine;
  readonly #byTitle = new Map<string, Bug>();
  readonly #seen = new Set<string>();

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  get size(): number {
    return this.#byTitle.size;
  }

  /** The bugs, gravest first: a data race says that something may be wrong, the others that it is. */
  get bugs(): Bug[] {
    const weight = (bug: Bug): number => (bug.kind === 'KCSAN' ? 1 : 0);
    return [...this.#byTitle.values()].sort(
      (a, b) => weight(a) - weight(b) || (a.title < b.title ? -1 : 1),
    );
  }

  /** Is there a bug other than a data race? Only then is there no point in going on. */
  get grave(): boolean {
    return this.bugs.some((bug) => bug.kind !== 'KCSAN');
  }

  /** Note findings made at the end of `schedule`. @returns how many new titles */
  add(findings: readonly Finding[], schedule: () => Decision[]): number {
    let fresh = 0;
    for (const finding of [...findings]) {
      const key = keyOf(finding);
      if (this.#seen.has(key)) continue;
      this.#seen.add(key);
      fresh += this.addTitled(finding, titleOf(this.#machine, finding), schedule);
    }
    return fresh;
  }

  /** Note one finding whose title is known. @returns 1 if the title is new, else 0 */
  addTitled(finding: Finding, title: string, schedule: Schedule | (() => Decision[])): number {
    if (this.#byTitle.has(title)) return 0;
    const path = typeof schedule === 'function' ? schedule() : schedule;
    this.#byTitle.set(title, {
      title,
      kind: finding.kind,
      detail: detailOf(this.#machine, finding),
      schedule: path,
      steps: path.length,
      switches: switchesIn(this.#machine, path),
      minimal: false,
    });
    return 1;
  }

  /** Put a better schedule in the place of a bug's first one. */
  replace(title: string, schedule: Schedule, minimal: boolean): void {
    const bug = this.#byTitle.get(title);
    if (bug === undefined) return;
    this.#byTitle.set(title, {
      ...bug,
      schedule,
      steps: schedule.length,
      switches: switchesIn(this.#machine, schedule),
      minimal,
    });
  }
}

/** Findings with one key have one title. */
export function keyOf(finding: Finding): string {
  const place = finding.place?.node instanceof Node ? finding.place.node.vid : -1;
  const other = finding.other?.node instanceof Node ? finding.other.node.vid : -1;
  const detail = place === -1 ? finding.detail : '';
  return `${finding.kind}|${finding.title}|${place}|${other}|${detail}`;
}
