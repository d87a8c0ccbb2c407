import { fileURLToPath } from 'node:url';
import { RuleTester, type Rule } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, it } from 'vitest';
import { noFloatingTask } from '../../tools/eslint/no-floating-task.js';

RuleTester.describe = describe;
RuleTester.it = it;
RuleTester.itOnly = it.only;

const fixture = fileURLToPath(new URL('fixture', import.meta.url));
const filename = `${fixture}/case.ts`;

const tester = new RuleTester({
  languageOptions: {
    parser: tseslint.parser,
    parserOptions: { projectService: true, tsconfigRootDir: fixture },
  },
});

const NAMES =
  'Xchg, asyncTask, count, d_dead, dentries, dentry, dget, dput, exchange, maybe, measure, ' +
  'nested, onEvent, otherOp, plain, read, run, runAll, someOp, spawn, tag';

const HEADER = `import { ${NAMES}, type Dentry } from './kernel.js';
import { Op, type AnyOp, type Reply, type Task } from './machine/op.js';
`;

/** A file with this code at its top level. */
const top = (code: string): string => `${HEADER}${code}\n`;

/** A file with this code in the body of a kernel function. */
const body = (code: string): string =>
  top(`export function* kernel(x: number): Generator<unknown, unknown, Reply> {\n${code}\n}`);

const valid = (code: string): RuleTester.ValidTestCase => ({ name: code, code, filename });

function invalid(wrap: (code: string) => string, code: string, ...messages: string[]) {
  return {
    name: code,
    code: wrap(code),
    filename,
    errors: messages.map((messageId) => ({ messageId })),
  } satisfies RuleTester.InvalidTestCase;
}

const ok = (code: string): RuleTester.ValidTestCase => ({ ...valid(body(code)), name: code });
const okTop = (code: string): RuleTester.ValidTestCase => ({ ...valid(top(code)), name: code });
const bad = (code: string, ...messages: string[]): RuleTester.InvalidTestCase =>
  invalid(body, code, ...messages);
const badTop = (code: string, ...messages: string[]): RuleTester.InvalidTestCase =>
  invalid(top, code, ...messages);

tester.run('no-floating-task', noFloatingTask as unknown as Rule.RuleModule, {
  valid: [
    // Delegated to.
    ok('yield* dput(dentry);'),
    ok('yield* read(1);'),
    ok('const d = yield* dget(dentry); return d.d_inode;'),
    ok('return (yield* dget(dentry)).d_inode;'),
    ok('if (yield* d_dead(dentry)) return;'),
    ok('while (!(yield* d_dead(dentry))) yield* dput(dentry);'),
    ok('return (yield* count()) + 1 === (yield* read(x));'),
    ok('return `${yield* count()}`;'),
    ok('yield* yield* nested();'),
    ok('yield* (x === 1 ? dput(dentry) : read(2));'),
    ok('yield* maybe ?? d_dead(dentry);'),
    ok('yield* (plain(), dput(dentry));'),
    ok('yield* dput(dentry)!;'),
    ok('switch (yield* count()) { case 1: return; }'),
    ok('void (yield* count());'),
    ok('yield* tag`text`;'),
    ok('yield* new Xchg<number>();'),

    // Returned.
    ok('return dput(dentry);'),
    ok('return [dput(dentry), read(1)];'),
    ok('return { task: dput(dentry) };'),
    ok('return x === 1 ? dput(dentry) : null;'),
    ok('return x === 1 && dput(dentry);'),
    okTop('export const f = (d: Dentry): Task<void> => dput(d);'),
    okTop('export const f = () => dput(dentry);'),
    okTop('export function f(d: Dentry): Task<void> { return dput(d); }'),
    okTop('export const f = function* (): Task<void> { yield* dput(dentry); };'),

    // Passed on.
    ok('run(dput(dentry), read(1));'),
    ok('runAll([dput(dentry), read(1)]);'),
    ok('run(...[dput(dentry)]);'),
    ok('runAll(dentries.map((d) => dput(d)));'),
    ok('runAll(dentries.map(dput));'),
    ok('spawn(() => dput(dentry));'),
    ok('spawn(function* () { yield* dput(dentry); });'),
    ok('yield* measure(() => dput(dentry));'),
    ok('new Set([dput(dentry)]);'),
    ok('onEvent(() => { plain(); });'),
    ok('dentries.forEach((d) => spawn(() => dput(d)));'),
    ok('return dentries.filter((d) => d.d_inode === x);'),

    // Kept, and then used.
    ok('const t = dput(dentry); yield* t;'),
    ok('const t = dput(dentry); return t;'),
    ok('const t = dput(dentry); run(t);'),
    ok(
      'let t: Task<void> | undefined; if (x === 1) t = dput(dentry); if (t !== undefined) yield* t;',
    ),
    ok('const t = dput(dentry); const u = t; yield* u;'),
    ok('const t = dput(dentry); return () => t;'),
    ok('const tasks = [dput(dentry)]; for (const t of tasks) yield* t;'),
    ok('const tasks: Task<void>[] = []; tasks.push(dput(dentry)); runAll(tasks);'),
    ok('const [a, b] = [dput(dentry), dget(dentry)]; yield* a; yield* b;'),
    ok('const o = { task: dput(dentry) }; yield* o.task;'),
    ok('const o: { task: Task<void> | null } = { task: null }; o.task = dput(dentry); return o;'),
    ok('const o: { task?: Task<void> } = {}; o.task ??= dput(dentry); return o;'),
    okTop('export const t = dput(dentry);'),
    okTop('export let t: Task<void>; t = dput(dentry);'),
    okTop('export class C { task: Task<void> = dput(dentry); }'),

    // A parameter is the caller's business.
    okTop('export function f(t: Task<void>): number { return 1; }'),
    okTop('export function f(t: Task<void> = dput(dentry)): Task<void> { return t; }'),

    // Driving a task by hand, and operations as data.
    ok('const t = dput(dentry); t.next({ done: true, value: 1 });'),
    ok('for (const op of dput(dentry)) run(op);'),
    ok('let n = 0; for (const op of dput(dentry)) n++; return n;'),
    ok('return someOp.kind;'),
    ok('const { kind } = someOp; return kind;'),
    ok('return someOp === otherOp;'),
    ok('return maybe !== undefined || maybe === null;'),
    ok('return read(1) instanceof Op;'),
    ok('return [read(1), read(2)].length;'),
    okTop('export class Mine extends Op<number> { get twice(): number { return this.kind * 2; } }'),

    // Other types of the same names.
    okTop('class Op2 {} class Box { Op = new Op2(); } new Box();'),
    okTop(
      '{ class Task { x = 1; } const make = (): Task => new Task(); make(); if (make().x) plain(); }',
    ),
    okTop('{ interface Op { x: number } const make = (): Op => ({ x: 1 }); make(); }'),
    ok('plain(); void plain(); if (plain()) yield plain();'),
    ok('yield 1; yield;'),
    ok('[1].values(); new Map([[1, 2]]).keys();'),
  ],

  invalid: [
    // Dropped.
    bad('dput(dentry);', 'floating'),
    bad('read(1);', 'floating'),
    bad('exchange();', 'floating'),
    bad('new Xchg<number>();', 'floating'),
    bad('tag`text`;', 'floating'),
    bad('void dput(dentry);', 'floating'),
    bad('(dput(dentry));', 'floating'),
    bad('dput(dentry)!;', 'floating'),
    bad('dput(dentry) as unknown;', 'floating'),
    bad('dput(dentry) satisfies Task<void>;', 'floating'),
    bad('<unknown>dput(dentry);', 'floating'),
    bad('yield* nested();', 'floating'),
    bad('x === 1 ? dput(dentry) : read(1);', 'floating', 'floating'),
    bad('x === 1 ? dput(dentry) : plain();', 'floating'),
    bad('x === 1 && dput(dentry);', 'floating'),
    bad('x === 1 || dput(dentry);', 'floating'),
    bad('maybe ?? d_dead(dentry);', 'floating', 'floating'),
    bad('dput(dentry), plain();', 'floating'),
    bad('plain(), dput(dentry);', 'floating'),
    bad('return (dput(dentry), x);', 'floating'),
    bad('for (dput(dentry); ; ) return;', 'floating'),
    bad('for (;; dput(dentry)) return;', 'floating'),
    bad('throw dput(dentry);', 'floating'),
    bad('const ops = { run: dput }; ops.run(dentry);', 'floating'),
    bad('const ops: { run?: typeof dput } = {}; ops.run?.(dentry);', 'floating'),
    bad('const o = { task: dput(dentry) }; o.task;', 'floating'),
    badTop('dput(dentry);', 'floating'),
    badTop('export const f = () => { dput(dentry); };', 'floating'),
    badTop('export const f = (): void => void dput(dentry);', 'floating'),
    badTop('export function f<T extends Task<void>>(make: () => T): void { make(); }', 'floating'),
    badTop('export function f(make: () => Task<void> | undefined): void { make(); }', 'floating'),
    badTop('export function* g() { yield 1; } export function f(): void { g(); }', 'floating'),

    // Arrays of tasks.
    bad('[dput(dentry), plain()];', 'floating'),
    bad('dentries.map((d) => dput(d));', 'floating'),
    bad('dentries.map(dput);', 'floating'),
    bad('void dentries.map(dput);', 'floating'),
    bad('dentries.map((d) => [dput(d)]);', 'floating'),
    bad('yield dentries.map(dput);', 'plainYield'),
    bad('yield* [dput(dentry)];', 'delegatedArray'),
    bad('yield* dentries.map(dput);', 'delegatedArray'),
    bad('const tasks = dentries.map(dput);', 'unusedVariable'),

    // `yield` without the star, `await`.
    bad('yield dput(dentry);', 'plainYield'),
    bad('yield read(1);', 'plainYield'),
    bad('const n = yield count(); return n;', 'plainYield'),
    bad('yield x === 1 ? dput(dentry) : plain();', 'plainYield'),
    badTop('export async function f(): Promise<void> { await dput(dentry); }', 'awaited'),
    badTop('export async function f(): Promise<unknown> { return await dput(dentry); }', 'awaited'),
    badTop(
      'export async function f(): Promise<void> { if (await d_dead(dentry)) plain(); }',
      'awaited',
    ),
    badTop('export async function f(): Promise<void> { await asyncTask(); }', 'floating'),

    // Conditions.
    bad('if (d_dead(dentry)) return;', 'condition'),
    bad('while (d_dead(dentry)) return;', 'condition'),
    bad('do plain(); while (d_dead(dentry));', 'condition'),
    bad('for (; d_dead(dentry); ) return;', 'condition'),
    bad('return !d_dead(dentry);', 'condition'),
    bad('return !!d_dead(dentry);', 'condition'),
    bad('return d_dead(dentry) ? 1 : 2;', 'condition'),
    bad('return d_dead(dentry) && x;', 'condition'),
    bad('return d_dead(dentry) || x;', 'condition'),
    bad('if (x === 1 && d_dead(dentry)) return;', 'condition'),
    bad('if (d_dead(dentry) && d_dead(dentry)) return;', 'condition', 'condition'),
    bad('if (x === 1 || (plain(), d_dead(dentry))) return;', 'condition'),
    bad('if (maybe) return;', 'condition'),
    bad('const dead = d_dead(dentry); if (dead) return;', 'condition'),
    bad('let dead; if ((dead = d_dead(dentry))) yield* dead;', 'condition'),
    bad('if (read(true)) return;', 'condition'),

    // Operands.
    bad('return count() === x;', 'operand'),
    bad('return x !== read(1);', 'operand'),
    bad('return count() == null;', 'operand'),
    bad('return read(1) === read(1);', 'operand', 'operand'),
    bad('return count() < 1;', 'operand'),
    bad('return count() + 1;', 'operand'),
    bad('return -count();', 'operand'),
    bad('return typeof count();', 'operand'),
    bad('return `${count()}`;', 'operand'),
    bad('let n: any = 1; n += count(); return n;', 'operand'),
    bad('return dentries[count()];', 'operand'),
    bad('switch (count()) { case 1: return; }', 'operand'),
    bad('switch (x) { case count(): return; }', 'operand'),
    bad("return 'd_inode' in dget(dentry);", 'operand'),
    bad('for (const key in dget(dentry)) plain();', 'operand'),

    // Properties.
    bad('return dget(dentry).d_inode;', 'property'),
    bad('return dget(dentry)?.d_inode;', 'property'),
    bad("return dget(dentry)['d_inode'];", 'property'),
    bad('return (dget(dentry) as any).d_inode;', 'property'),
    bad('dget(dentry).next();', 'property'),
    bad('return (x === 1 ? dget(dentry) : dentry).d_inode;', 'property'),
    bad('const { d_inode } = dget(dentry); return d_inode;', 'property'),

    // Kept, and then forgotten.
    bad('const t = dput(dentry);', 'unusedVariable'),
    bad('const t = read(1);', 'unusedVariable'),
    bad('let t; t = dput(dentry);', 'unusedVariable'),
    bad('let t: Task<void>; t = dput(dentry);', 'unusedVariable'),
    bad('let t: unknown; t = dput(dentry);', 'unusedVariable'),
    bad('const t: unknown = dput(dentry);', 'unusedVariable'),
    bad(
      'let t: Task<void> | undefined; t = dput(dentry); if (t !== undefined) plain();',
      'unusedVariable',
    ),
    bad('const t = dput(dentry); return t instanceof Op;', 'unusedVariable'),
    bad('const [a, b] = [dput(dentry), dget(dentry)]; yield* a;', 'unusedVariable'),
    bad('const { task } = { task: dput(dentry) };', 'unusedVariable'),
    bad('const tasks = [dput(dentry)]; for (const t of tasks) plain();', 'unusedVariable'),
    bad('const t = dput(dentry); t;', 'floating'),
    bad('const t = dput(dentry); void t;', 'floating'),
    bad('const t = dput(dentry); yield t;', 'plainYield'),
    bad('const t = dput(dentry); const u = t;', 'unusedVariable'),
    badTop('const t = dput(dentry);', 'unusedVariable'),
    badTop('export function f(t?: Task<void>): void { t = dput(dentry); }', 'unusedVariable'),

    // Callbacks whose result nobody runs.
    bad('dentries.forEach((d) => dput(d));', 'voidCallback'),
    bad('dentries.forEach(dput);', 'voidCallback'),
    bad('dentries.forEach(function* (d) { yield* dput(d); });', 'voidCallback'),
    bad('const ops = { dput }; dentries.forEach(ops.dput);', 'voidCallback'),
    bad('onEvent(() => dput(dentry));', 'voidCallback'),
    bad('const f: () => void = () => dput(dentry); f();', 'voidCallback'),
    bad('return dentries.some((d) => d_dead(d));', 'conditionCallback'),
    bad('return dentries.filter(d_dead);', 'conditionCallback'),
    bad('return dentries.find(function* (d) { return yield* d_dead(d); });', 'conditionCallback'),
  ],
});
