/**
 * ESLint rule: a task that is created must be run.
 *
 * Kernel code is generator functions. Calling one does nothing until `yield*` delegates to it, so
 * `dput(k, dentry);` compiles and drops no reference, and `if (lockref_get_not_dead(ref))` is
 * always true. This rule rejects every expression of type Task, Generator or Op, of a union with
 * one of them or of an array of them, that is neither delegated to, returned, passed on, nor kept
 * in a variable for which one of these holds.
 *
 * It looks at types, not at names, and hence covers patches outside this repository too. It does
 * not follow control flow: a variable with one good use is fine, whatever else is stored in it.
 */

import { ESLintUtils } from '@typescript-eslint/utils';
import ts from 'typescript';

/** @import { TSESLint, TSESTree } from '@typescript-eslint/utils' */

/**
 * What happens to an expression's value where it stands:
 * - `use`: delegated to, returned, passed on or kept
 * - `neutral`: looked at, neither used nor lost
 * - anything else: the message to report, should the value be a task
 *
 * @typedef {'use' | 'neutral' | MessageId} Fate
 * @typedef {'floating' | 'plainYield' | 'awaited' | 'condition' | 'operand' | 'property'
 *   | 'delegatedArray' | 'unusedVariable' | 'voidCallback' | 'conditionCallback'} MessageId
 */

/** Array methods that ask their callback a question. */
const PREDICATE_METHODS = new Set([
  'every',
  'filter',
  'find',
  'findIndex',
  'findLast',
  'findLastIndex',
  'some',
]);

/** Where the types of tasks are declared. */
const GENERATOR_FILE = /\/lib\.es2015\.generator\.d\.ts$/;
const OP_FILE = /(^|\/)machine\/op(\.d)?\.ts$/;

/** @param {ts.Symbol | undefined} symbol */
function isTaskSymbol(symbol) {
  if (symbol === undefined) return false;
  const file = { Generator: GENERATOR_FILE, Task: OP_FILE, Op: OP_FILE }[symbol.name];
  if (file === undefined) return false;
  return (symbol.declarations ?? []).some((declaration) =>
    file.test(declaration.getSourceFile().fileName.replaceAll('\\', '/')),
  );
}

/**
 * Type syntax around an expression, which leaves its value alone.
 *
 * @param {TSESTree.Node} node
 */
function isWrapper(node) {
  switch (node.type) {
    case 'TSAsExpression':
    case 'TSNonNullExpression':
    case 'TSSatisfiesExpression':
    case 'TSTypeAssertion':
    case 'ChainExpression':
      return true;
    default:
      return false;
  }
}

/** @param {TSESTree.Node} node */
function unwrap(node) {
  let inner = node;
  while (isWrapper(inner) && 'expression' in inner) {
    inner = /** @type {TSESTree.Expression} */ (inner.expression);
  }
  return inner;
}

/**
 * A name for a value that exists already, rather than an expression that makes one.
 *
 * @param {TSESTree.Node} node
 */
function isReference(node) {
  const inner = unwrap(node);
  return (
    inner.type === 'Identifier' ||
    inner.type === 'MemberExpression' ||
    inner.type === 'ThisExpression'
  );
}

/** @param {TSESTree.Node} node */
function isNullish(node) {
  return (
    (node.type === 'Literal' && node.raw === 'null') ||
    (node.type === 'Identifier' && node.name === 'undefined')
  );
}

export const noFloatingTask = ESLintUtils.RuleCreator.withoutDocs({
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      floating: 'This task is never run. Write `yield*` in front of it.',
      plainYield: '`yield` hands over the task itself and does not run it. Write `yield*`.',
      awaited: '`await` does not run a task. Write `yield*`.',
      condition: 'A task is always true, and this one is never run. Write `yield*` in front of it.',
      operand: 'This compares or computes with the task, not its result. Write `(yield* …)`.',
      property: 'This reads a property of the task, not of its result. Write `(yield* …)`.',
      delegatedArray: 'The tasks in this array are not run by `yield*`. Delegate to each of them.',
      unusedVariable:
        "The task in '{{name}}' is never run. Delegate to it, return it or pass it on.",
      voidCallback: 'The caller of this callback drops the task. Use a loop with `yield*`.',
      conditionCallback: 'The answer is a task, hence always true. Use a loop with `yield*`.',
    },
  },
  defaultOptions: [],
  create(context) {
    const services = ESLintUtils.getParserServices(context);
    const checker = services.program.getTypeChecker();

    /** @type {(type: ts.Type) => boolean} */
    function isTask(type) {
      if (isTaskSymbol(type.aliasSymbol) || isTaskSymbol(type.getSymbol())) return true;
      if (type.isUnionOrIntersection()) return type.types.some(isTask);
      if (type.flags & ts.TypeFlags.TypeParameter) {
        const constraint = checker.getBaseConstraintOfType(type);
        return constraint !== undefined && constraint !== type && isTask(constraint);
      }
      // A generic class with its parameters filled in is a reference to the class.
      const target = 'target' in type ? /** @type {ts.TypeReference} */ (type).target : type;
      return target.isClassOrInterface() && checker.getBaseTypes(target).some(isTask);
    }

    /** @type {(type: ts.Type) => boolean} */
    function isArrayOfTasks(type) {
      if (type.isUnion()) return type.types.some(isArrayOfTasks);
      if (!checker.isArrayType(type) && !checker.isTupleType(type)) return false;
      return checker
        .getTypeArguments(/** @type {ts.TypeReference} */ (type))
        .some((element) => isTask(element) || isArrayOfTasks(element));
    }

    /** @param {TSESTree.Node} node */
    const holdsTask = (node) => isTask(services.getTypeAtLocation(node));
    /** @param {TSESTree.Node} node */
    const holdsTaskOrArray = (node) => {
      const type = services.getTypeAtLocation(node);
      return isTask(type) || isArrayOfTasks(type);
    };
    /** @param {TSESTree.Node} node */
    const mayBeNullish = (node) => {
      const type = services.getTypeAtLocation(node);
      const parts = type.isUnion() ? type.types : [type];
      return parts.some((t) => (t.flags & (ts.TypeFlags.Null | ts.TypeFlags.Undefined)) !== 0);
    };

    /**
     * @param {TSESTree.BinaryExpression} parent
     * @param {TSESTree.Node} child
     * @returns {Fate}
     */
    function fateOfOperand(parent, child) {
      if (parent.operator === 'instanceof') return 'neutral';
      const other = parent.left === child ? parent.right : parent.left;
      // Is there a task at all? Whether this is the same task?
      if (isNullish(other) && (isReference(child) || mayBeNullish(child))) return 'neutral';
      if (isReference(child) && isReference(other) && holdsTask(other)) return 'neutral';
      return 'operand';
    }

    /**
     * Walks outwards from `node` to where the value of `leaf` ends up.
     *
     * @param {TSESTree.Node} node
     * @param {TSESTree.Node} [leaf]
     * @returns {Fate}
     */
    function fateOf(node, leaf = node) {
      const parent = node.parent;
      if (parent === undefined) return 'use';
      if (isWrapper(parent)) return fateOf(parent, leaf);
      switch (parent.type) {
        case 'ExpressionStatement':
        case 'ThrowStatement':
          return 'floating';
        case 'UnaryExpression':
          if (parent.operator === 'void') return 'floating';
          return parent.operator === '!' ? 'condition' : 'operand';
        case 'YieldExpression':
          if (!parent.delegate) return 'plainYield';
          return holdsTask(leaf) ? 'use' : 'delegatedArray';
        case 'AwaitExpression':
          return 'awaited';
        case 'IfStatement':
        case 'WhileStatement':
        case 'DoWhileStatement':
          return 'condition';
        case 'ForStatement':
          return parent.test === node ? 'condition' : 'floating';
        case 'ForInStatement':
        case 'SwitchStatement':
        case 'SwitchCase':
        case 'TemplateLiteral':
          return 'operand';
        case 'BinaryExpression':
          return fateOfOperand(parent, node);
        case 'ConditionalExpression':
          return parent.test === node ? 'condition' : fateOf(parent, leaf);
        case 'LogicalExpression':
          return parent.left === node && parent.operator !== '??'
            ? 'condition'
            : fateOf(parent, leaf);
        case 'SequenceExpression':
          return parent.expressions.at(-1) === node ? fateOf(parent, leaf) : 'floating';
        case 'AssignmentExpression':
          if (parent.left === node) return 'neutral';
          return ['=', '??=', '||=', '&&='].includes(parent.operator) ? 'use' : 'operand';
        case 'MemberExpression':
          if (parent.object !== node) return parent.computed ? 'operand' : 'neutral';
          // `op.kind` of a given operation is fine, and so are the methods of an array.
          return isReference(leaf) || !holdsTask(leaf) ? 'use' : 'property';
        case 'VariableDeclarator':
          return parent.id.type === 'ObjectPattern' && !isReference(leaf) && holdsTask(leaf)
            ? 'property'
            : 'use';
        default:
          return 'use';
      }
    }

    /** @param {TSESTree.Node} node */
    function check(node) {
      const fate = fateOf(node);
      if (fate === 'use' || fate === 'neutral') return;
      if (holdsTaskOrArray(node)) context.report({ node, messageId: fate });
    }

    /** @param {TSESTree.AwaitExpression} node */
    function checkAwait(node) {
      // Otherwise the operand is reported already.
      if (!holdsTaskOrArray(node.argument)) check(node);
    }

    /** @param {TSESTree.AssignmentExpression} node */
    function checkAssignment(node) {
      // As a statement of its own it has kept the value.
      const fate = fateOf(node);
      if (fate !== 'floating') check(node);
    }

    /** @type {(node: TSESTree.Node) => readonly ts.Signature[]} */
    function expectedSignatures(node) {
      const tsNode = services.esTreeNodeToTSNodeMap.get(node);
      const type = checker.getContextualType(/** @type {ts.Expression} */ (tsNode));
      return type === undefined ? [] : signaturesOf(type);
    }

    /** @type {(type: ts.Type) => readonly ts.Signature[]} */
    function signaturesOf(type) {
      return type.isUnion() ? type.types.flatMap(signaturesOf) : type.getCallSignatures();
    }

    /** @param {TSESTree.Node} node */
    function makesTask(node) {
      return signaturesOf(services.getTypeAtLocation(node)).some((signature) => {
        const result = checker.getReturnTypeOfSignature(signature);
        return isTask(result) || isArrayOfTasks(result);
      });
    }

    /**
     * A function whose caller throws the result away, or takes it for a boolean.
     *
     * @param {TSESTree.Node} node
     */
    function checkCallback(node) {
      const parent = node.parent;
      const isArgument =
        parent?.type === 'CallExpression' &&
        /** @type {unknown[]} */ (parent.arguments).includes(node);
      const isFunction =
        node.type === 'ArrowFunctionExpression' || node.type === 'FunctionExpression';
      if (!isArgument && !isFunction) return;
      if (isArgument && parent.callee.type === 'MemberExpression') {
        const { object, property } = parent.callee;
        if (
          property.type === 'Identifier' &&
          PREDICATE_METHODS.has(property.name) &&
          checker.isArrayLikeType(services.getTypeAtLocation(object))
        ) {
          if (makesTask(node)) context.report({ node, messageId: 'conditionCallback' });
          return;
        }
      }
      const expected = expectedSignatures(node);
      const dropsResult =
        expected.length > 0 &&
        expected.every(
          (signature) => checker.getReturnTypeOfSignature(signature).flags & ts.TypeFlags.Void,
        );
      if (dropsResult && makesTask(node)) context.report({ node, messageId: 'voidCallback' });
    }

    /**
     * The place that stores a task in a variable, if any.
     *
     * @param {TSESLint.Scope.Variable} variable
     */
    function storedIn(variable) {
      for (const reference of variable.references) {
        const { identifier, writeExpr } = reference;
        if (!reference.isWrite() || identifier.type !== 'Identifier') continue;
        const parent = identifier.parent;
        if (parent.type === 'AssignmentPattern') continue;
        // Driving a task by hand: the loop variable is an operation that the loop may ignore.
        const loop = parent.type === 'VariableDeclarator' ? parent.parent.parent : parent;
        if (loop.type === 'ForOfStatement' && holdsTask(loop.right)) continue;
        // A key is a string, whatever the object.
        if (loop.type === 'ForInStatement') continue;
        if (holdsTaskOrArray(identifier)) return identifier;
        const direct =
          (parent.type === 'VariableDeclarator' && parent.id === identifier) ||
          (parent.type === 'AssignmentExpression' && parent.left === identifier);
        if (direct && writeExpr && holdsTaskOrArray(writeExpr)) return identifier;
      }
      return null;
    }

    /** @param {TSESLint.Scope.Variable} variable */
    function isExported(variable) {
      return variable.defs.some(
        ({ node }) => node.parent?.parent?.type === 'ExportNamedDeclaration',
      );
    }

    /** @param {TSESLint.Scope.Variable} variable */
    function checkVariable(variable) {
      if (variable.defs.every(({ type }) => type !== 'Variable' && type !== 'Parameter')) return;
      // Any use will do, and a bad use is reported where it stands.
      const reads = variable.references.filter((reference) => reference.isRead());
      if (reads.some(({ identifier }) => fateOf(identifier) !== 'neutral')) return;
      if (isExported(variable)) return;
      const node = storedIn(variable);
      if (node !== null) {
        context.report({ node, messageId: 'unusedVariable', data: { name: variable.name } });
      }
    }

    return {
      ArrayExpression: check,
      AssignmentExpression: checkAssignment,
      AwaitExpression: checkAwait,
      CallExpression: check,
      /** @param {TSESTree.Identifier} node */
      Identifier(node) {
        check(node);
        checkCallback(node);
      },
      /** @param {TSESTree.MemberExpression} node */
      MemberExpression(node) {
        check(node);
        checkCallback(node);
      },
      NewExpression: check,
      TaggedTemplateExpression: check,
      ThisExpression: check,
      YieldExpression: check,
      ArrowFunctionExpression: checkCallback,
      FunctionExpression: checkCallback,
      'Program:exit'() {
        for (const scope of context.sourceCode.scopeManager?.scopes ?? []) {
          scope.variables.forEach(checkVariable);
        }
      },
    };
  },
});
