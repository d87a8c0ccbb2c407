/**
 * What a step costs in three notations, by depth of calls: an operation that is a generator of its
 * own, an operation object that is its own iterator (what this project uses), and calls handed to
 * a driver that keeps the stack.
 */

const STEPS = 2_000_000;
const DEPTHS = [1, 4, 8];

class Request {
  constructor() {
    this.pending = { done: false, value: this };
  }
  [Symbol.iterator]() {
    return this;
  }
  next(reply) {
    return reply === undefined ? this.pending : reply;
  }
}

function* asGenerator(op) {
  return yield op;
}
function* deepGenerator(depth, steps) {
  if (depth > 1) return yield* deepGenerator(depth - 1, steps);
  for (let i = 0; i < steps; i += 1) yield* asGenerator(i);
}
function* deepRequest(depth, steps) {
  if (depth > 1) return yield* deepRequest(depth - 1, steps);
  for (let i = 0; i < steps; i += 1) yield* new Request();
}
function* deepCall(depth, steps) {
  if (depth > 1) return yield deepCall(depth - 1, steps);
  for (let i = 0; i < steps; i += 1) yield i;
}

function drive(generator, reply) {
  let step = generator.next();
  while (!step.done) step = generator.next(reply);
}
function driveCalls(generator) {
  const stack = [generator];
  while (stack.length > 0) {
    const { done, value } = stack.at(-1).next();
    if (done) stack.pop();
    else if (typeof value === 'object') stack.push(value);
  }
}

function nanoseconds(body) {
  let best = Infinity;
  for (let i = 0; i < 5; i += 1) {
    const start = performance.now();
    body();
    best = Math.min(best, performance.now() - start);
  }
  return ((best * 1e6) / STEPS).toFixed(0);
}

const REPLY = { done: true, value: 1 };
const cell = (text) => String(text).padStart(6);
console.log(`ns per step at call depth            ${DEPTHS.map(cell).join('')}`);
console.log(
  `operation as generator               ${DEPTHS.map((d) => cell(nanoseconds(() => drive(deepGenerator(d, STEPS), 1)))).join('')}`,
);
console.log(
  `operation as its own iterator        ${DEPTHS.map((d) => cell(nanoseconds(() => drive(deepRequest(d, STEPS), REPLY)))).join('')}`,
);
console.log(
  `calls kept by the driver             ${DEPTHS.map((d) => cell(nanoseconds(() => driveCalls(deepCall(d, STEPS))))).join('')}`,
);
