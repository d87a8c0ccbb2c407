/**
 * Tasks in a patch that nobody runs.
 *
 * Calling a kernel function does nothing until `yield*` delegates to it: `k.dput(dentry);` compiles
 * and drops no reference. Reports every task that is neither delegated to, returned nor passed on,
 * by type where there is one, and in code without types by the names of kernel functions. Does not
 * follow control flow: a variable with one good use is fine. The same rule as the lint rule that
 * the kernel's own code is held to.
 */

import ts from 'typescript';

export interface FloatingTask {
  readonly node: ts.Node;
  readonly message: string;
}

/** What becomes of a value where it stands; anything but these two is what to report. */
type Fate = 'use' | 'neutral' | keyof typeof MESSAGES;

const MESSAGES = {
  floating: 'This task is never run. Write `yield*` in front of it.',
  plainYield: '`yield` hands over the task itself and does not run it. Write `yield*`.',
  awaited: '`await` does not run a task. Write `yield*`.',
  condition: 'A task is always true, and this one is never run. Write `yield*` in front of it.',
  operand: 'This compares or computes with the task, not its result. Write `(yield* …)`.',
  property: 'This reads a property of the task, not of its result. Write `(yield* …)`.',
  delegatedArray: 'The tasks in this array are not run by `yield*`. Delegate to each of them.',
  unusedVariable: 'The task in this variable is never run. Write `yield*` in front of it.',
  callback: 'Who calls this function drops the task that it makes. Use a loop with `yield*`.',
} as const;

const GENERATOR_FILE = /\/lib\.es2015\.generator\.d\.ts$/;
const OP_FILE = /(^|\/)machine\/op(\.d)?\.ts$/;
const QUESTIONS = ['every', 'filter', 'find', 'findIndex', 'findLast', 'findLastIndex', 'some'];

/** Every task in a file that is lost. @param kernelFunctions names of what makes tasks */
export function floatingTasks(
  checker: ts.TypeChecker,
  file: ts.SourceFile,
  kernelFunctions: ReadonlySet<string>,
): FloatingTask[] {
  const found: FloatingTask[] = [];
  const stored = new Map<ts.Symbol, ts.Node>();
  const used = new Set<ts.Symbol>();

  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node)) return;
    if (isValue(node)) {
      const fate = fateOf(node, node);
      if (fate !== 'use' && fate !== 'neutral' && holdsTaskOrArray(node)) report(node, fate);
      if (ts.isFunctionExpression(node) || ts.isArrowFunction(node) || ts.isIdentifier(node)) {
        checkCallback(node);
      }
    }
    if (ts.isIdentifier(node)) noteVariable(node);
    ts.forEachChild(node, visit);
  };
  visit(file);
  for (const [symbol, node] of stored) if (!used.has(symbol)) report(node, 'unusedVariable');
  return found.sort((a, b) => a.node.pos - b.node.pos);

  function report(node: ts.Node, fate: keyof typeof MESSAGES): void {
    found.push({ node, message: MESSAGES[fate] });
  }

  function isTask(type: ts.Type): boolean {
    if (isTaskSymbol(type.aliasSymbol) || isTaskSymbol(type.getSymbol())) return true;
    if (type.isUnionOrIntersection()) return type.types.some(isTask);
    const target = 'target' in type ? (type as ts.TypeReference).target : type;
    return target.isClassOrInterface() && (checker.getBaseTypes(target) ?? []).some(isTask);
  }

  function isArrayOfTasks(type: ts.Type): boolean {
    if (type.isUnion()) return type.types.some(isArrayOfTasks);
    if (!checker.isArrayType(type) && !checker.isTupleType(type)) return false;
    const elements = checker.getTypeArguments(type as ts.TypeReference);
    return elements.some((element) => isTask(element) || isArrayOfTasks(element));
  }

  function holdsTask(node: ts.Node): boolean {
    return isTask(checker.getTypeAtLocation(node)) || isUntypedCall(node);
  }

  function holdsTaskOrArray(node: ts.Node): boolean {
    return holdsTask(node) || isArrayOfTasks(checker.getTypeAtLocation(node));
  }

  /** `k.dput(dentry)` where k has no type. */
  function isUntypedCall(node: ts.Node): boolean {
    const call = unwrap(node);
    if (!ts.isCallExpression(call) || !ts.isPropertyAccessExpression(call.expression)) return false;
    const { expression, name } = call.expression;
    const { flags } = checker.getTypeAtLocation(expression);
    return (flags & ts.TypeFlags.Any) !== 0 && kernelFunctions.has(name.text);
  }

  function fateOf(node: ts.Node, leaf: ts.Node): Fate {
    const { parent } = node;
    if (isWrapper(parent)) return fateOf(parent, leaf);
    if (ts.isExpressionStatement(parent) || ts.isThrowStatement(parent)) return 'floating';
    if (ts.isVoidExpression(parent)) return 'floating';
    if (ts.isPrefixUnaryExpression(parent)) {
      return parent.operator === ts.SyntaxKind.ExclamationToken ? 'condition' : 'operand';
    }
    if (ts.isPostfixUnaryExpression(parent) || ts.isTypeOfExpression(parent)) return 'operand';
    if (ts.isYieldExpression(parent)) {
      if (parent.asteriskToken === undefined) return 'plainYield';
      return holdsTask(leaf) ? 'use' : 'delegatedArray';
    }
    if (ts.isAwaitExpression(parent)) return 'awaited';
    if (ts.isIfStatement(parent) || ts.isWhileStatement(parent) || ts.isDoStatement(parent)) {
      return 'condition';
    }
    if (ts.isForStatement(parent)) return parent.condition === node ? 'condition' : 'floating';
    if (ts.isForInStatement(parent) || ts.isSwitchStatement(parent)) return 'operand';
    if (ts.isCaseClause(parent) || ts.isTemplateSpan(parent)) return 'operand';
    if (ts.isBinaryExpression(parent)) return fateOfOperand(parent, node, leaf);
    if (ts.isConditionalExpression(parent)) {
      return parent.condition === node ? 'condition' : fateOf(parent, leaf);
    }
    if (ts.isElementAccessExpression(parent) || ts.isPropertyAccessExpression(parent)) {
      if (parent.expression !== node) {
        return ts.isElementAccessExpression(parent) ? 'operand' : 'neutral';
      }
      // `op.kind` of a given operation is fine, and so are the methods of an array.
      return isReference(leaf) || !holdsTask(leaf) ? 'use' : 'property';
    }
    if (ts.isVariableDeclaration(parent) && ts.isObjectBindingPattern(parent.name)) {
      return !isReference(leaf) && holdsTask(leaf) ? 'property' : 'use';
    }
    return 'use';
  }

  function fateOfOperand(parent: ts.BinaryExpression, node: ts.Node, leaf: ts.Node): Fate {
    const { left, right, operatorToken } = parent;
    switch (operatorToken.kind) {
      case ts.SyntaxKind.CommaToken:
        return right === node ? fateOf(parent, leaf) : 'floating';
      case ts.SyntaxKind.AmpersandAmpersandToken:
      case ts.SyntaxKind.BarBarToken:
        return left === node ? 'condition' : fateOf(parent, leaf);
      case ts.SyntaxKind.QuestionQuestionToken:
        return fateOf(parent, leaf);
      case ts.SyntaxKind.EqualsToken:
      case ts.SyntaxKind.QuestionQuestionEqualsToken:
      case ts.SyntaxKind.BarBarEqualsToken:
      case ts.SyntaxKind.AmpersandAmpersandEqualsToken:
        return left === node ? 'neutral' : 'use';
      case ts.SyntaxKind.InstanceOfKeyword:
        return 'neutral';
      default: {
        const other = left === node ? right : left;
        // Is there a task at all? Whether this is the same task?
        if (isNullish(other) && isReference(node)) return 'neutral';
        if (isReference(node) && isReference(other) && holdsTask(other)) return 'neutral';
        return 'operand';
      }
    }
  }

  /** A function that is passed to somebody who throws its result away, or takes it for an answer. */
  function checkCallback(node: ts.Expression): void {
    const { parent } = node;
    if (!ts.isCallExpression(parent) || !parent.arguments.includes(node)) return;
    if (!callsOf(checker.getTypeAtLocation(node)).some((type) => isTask(type))) return;
    const { expression } = parent;
    const asks =
      ts.isPropertyAccessExpression(expression) &&
      QUESTIONS.includes(expression.name.text) &&
      checker.isArrayLikeType(checker.getTypeAtLocation(expression.expression));
    const expected = checker.getContextualType(node);
    const results = expected === undefined ? [] : callsOf(expected);
    const drops =
      results.length > 0 && results.every(({ flags }) => (flags & ts.TypeFlags.Void) !== 0);
    if (asks || drops) report(node, 'callback');
  }

  /** What calling a value of this type makes. */
  function callsOf(type: ts.Type): ts.Type[] {
    if (type.isUnion()) return type.types.flatMap(callsOf);
    return type.getCallSignatures().map((each) => checker.getReturnTypeOfSignature(each));
  }

  /** Remember where a variable gets a task, and whether anything is done with it. */
  function noteVariable(node: ts.Identifier): void {
    const { parent } = node;
    const symbol = ts.isShorthandPropertyAssignment(parent)
      ? checker.getShorthandAssignmentValueSymbol(parent)
      : checker.getSymbolAtLocation(node);
    if (symbol === undefined) return;
    if (ts.isVariableDeclaration(parent) && parent.name === node) {
      const { initializer } = parent;
      if (initializer === undefined || !holdsTaskOrArray(initializer) || isExported(parent)) return;
      stored.set(symbol, initializer);
    } else if (ts.isExpressionStatement(parent.parent) && isTarget(node)) {
      const { right } = parent as ts.BinaryExpression;
      if (holdsTaskOrArray(right) && !stored.has(symbol)) stored.set(symbol, right);
    } else if (fateOf(node, node) !== 'neutral') {
      // A bad use is reported where it stands.
      used.add(symbol);
    }
  }
}

function isTaskSymbol(symbol: ts.Symbol | undefined): boolean {
  const file = { Generator: GENERATOR_FILE, Task: OP_FILE, Op: OP_FILE }[symbol?.name ?? ''];
  if (file === undefined) return false;
  const declarations = symbol?.declarations ?? [];
  return declarations.some((declaration) => file.test(declaration.getSourceFile().fileName));
}

/** Expressions that can be a task. */
function isValue(node: ts.Node): node is ts.Expression {
  return (
    ts.isCallExpression(node) ||
    ts.isNewExpression(node) ||
    ts.isIdentifier(node) ||
    ts.isPropertyAccessExpression(node) ||
    ts.isElementAccessExpression(node) ||
    ts.isArrayLiteralExpression(node) ||
    ts.isYieldExpression(node) ||
    ts.isFunctionExpression(node) ||
    ts.isArrowFunction(node)
  );
}

/** Syntax around an expression that leaves its value alone. */
function isWrapper(node: ts.Node): node is ts.Expression & { expression: ts.Expression } {
  return (
    ts.isParenthesizedExpression(node) ||
    ts.isAsExpression(node) ||
    ts.isNonNullExpression(node) ||
    ts.isSatisfiesExpression(node) ||
    ts.isTypeAssertionExpression(node)
  );
}

function unwrap(node: ts.Node): ts.Node {
  return isWrapper(node) ? unwrap(node.expression) : node;
}

/** A name for a value that exists already, rather than an expression that makes one. */
function isReference(node: ts.Node): boolean {
  const inner = unwrap(node);
  return (
    ts.isIdentifier(inner) ||
    ts.isPropertyAccessExpression(inner) ||
    ts.isElementAccessExpression(inner)
  );
}

function isNullish(node: ts.Node): boolean {
  return (
    node.kind === ts.SyntaxKind.NullKeyword || (ts.isIdentifier(node) && node.text === 'undefined')
  );
}

/** Is this the left side of `name = ...`? */
function isTarget(node: ts.Identifier): boolean {
  const { parent } = node;
  return (
    ts.isBinaryExpression(parent) &&
    parent.left === node &&
    parent.operatorToken.kind === ts.SyntaxKind.EqualsToken
  );
}

function isExported(declaration: ts.VariableDeclaration): boolean {
  const statement = declaration.parent.parent;
  return (
    ts.isVariableStatement(statement) &&
    (statement.modifiers ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
  );
}
