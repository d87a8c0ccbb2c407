/**
 * The transformation of one file of the kernel: generators become functions, `yield*` the call
 * itself, cells fields, and simple operations the access that they stand for.
 */

import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMPARED, DERIVED, LOADS, NOTHING, STORES } from './operations.js';

const SRC = resolve(dirname(fileURLToPath(import.meta.url)), '../../src');

/** The transformation of one file. */
export function transformerOf(ts, checker, keys) {
  const { factory: f } = ts;

  const isCell = (node) => {
    const type = checker.getNonNullableType(checker.getTypeAtLocation(node));
    return (type.aliasSymbol ?? type.symbol)?.name === 'Cell' || type.symbol?.name === 'Cell';
  };
  const isTaskType = (type) => {
    const name = type.symbol?.name;
    return name === 'Generator' || name === 'Op';
  };

  return (context) => (source) => {
    const plain = (node) => ts.skipPartiallyEmittedExpressions(skip(node));
    const skip = (node) =>
      ts.isParenthesizedExpression(node) ||
      ts.isAsExpression(node) ||
      ts.isNonNullExpression(node) ||
      ts.isSatisfiesExpression(node)
        ? skip(node.expression)
        : node;

    /** Object and key of a cell that is a field, or null if it is passed around as a Ref. */
    const fieldOf = (node) => {
      const inner = plain(node);
      if (ts.isPropertyAccessExpression(inner) && isCell(inner)) {
        return [visit(inner.expression), f.createStringLiteral(inner.name.text), inner];
      }
      if (ts.isElementAccessExpression(inner) && isCell(inner)) {
        return [visit(inner.expression), visit(inner.argumentExpression), inner];
      }
      return null;
    };
    const refTo = (object, key) => {
      if (!ts.isStringLiteral(key)) {
        return f.createNewExpression(f.createIdentifier('__Ref'), undefined, [object, key]);
      }
      keys.add(key.text);
      const refs = f.createPropertyAccessExpression(f.createIdentifier('__refs'), key.text);
      if (COMPARED.has(key.text)) {
        return f.createCallExpression(f.createPropertyAccessExpression(refs, 'of'), undefined, [
          object,
        ]);
      }
      return f.createNewExpression(refs, undefined, [object]);
    };
    /** A cell as a value. */
    const asRef = (node) => {
      const field = fieldOf(node);
      return field === null ? visit(node) : refTo(field[0], field[1]);
    };
    /** A cell as what is loaded from and stored to. */
    const place = (node) => {
      const inner = plain(node);
      if (ts.isPropertyAccessExpression(inner) && isCell(inner)) {
        return f.createPropertyAccessExpression(visit(inner.expression), inner.name.text);
      }
      if (ts.isElementAccessExpression(inner) && isCell(inner)) {
        return f.createElementAccessExpression(
          visit(inner.expression),
          visit(inner.argumentExpression),
        );
      }
      return f.createPropertyAccessExpression(visit(node), 'value');
    };

    /** May it be evaluated twice? */
    const isPure = (node) => {
      const inner = plain(node);
      if (ts.isPropertyAccessExpression(inner)) return isPure(inner.expression);
      if (ts.isPrefixUnaryExpression(inner)) return isPure(inner.operand);
      return ts.isIdentifier(inner) || ts.isLiteralExpression(inner) || isKeyword(inner);
    };
    const isKeyword = ({ kind }) =>
      [
        ts.SyntaxKind.NullKeyword,
        ts.SyntaxKind.TrueKeyword,
        ts.SyntaxKind.FalseKeyword,
        ts.SyntaxKind.ThisKeyword,
      ].includes(kind);

    const paren = (node) => f.createParenthesizedExpression(node);
    const binary = (left, operator, right) =>
      paren(f.createBinaryExpression(left, f.createToken(operator), right));
    const { SyntaxKind: S } = ts;
    /** Operations on a cell that need no function; null where arguments cannot be repeated. */
    const INLINE = {
      raw_write_seqcount_begin: (at) => binary(at(), S.PlusEqualsToken, f.createNumericLiteral(1)),
      raw_write_seqcount_end: (at) => binary(at(), S.PlusEqualsToken, f.createNumericLiteral(1)),
      write_seqcount_invalidate: (at) => binary(at(), S.PlusEqualsToken, f.createNumericLiteral(2)),
      raw_seqcount_begin: (at) =>
        binary(
          at(),
          S.AmpersandToken,
          f.createPrefixUnaryExpression(S.TildeToken, f.createNumericLiteral(1)),
        ),
      read_seqcount_begin: (at) => at(),
      read_seqcount_retry: (at, [sample]) =>
        binary(at(), S.ExclamationEqualsEqualsToken, visit(sample)),
      atomic_fetch_add: (at, [amount]) =>
        isPure(amount)
          ? binary(
              binary(at(), S.PlusEqualsToken, visit(amount)),
              S.MinusToken,
              paren(visit(amount)),
            )
          : null,
      cmpxchg: (at, [expected, value]) =>
        isPure(expected)
          ? paren(
              f.createConditionalExpression(
                binary(at(), S.EqualsEqualsEqualsToken, visit(expected)),
                undefined,
                binary(binary(at(), S.EqualsToken, visit(value)), S.CommaToken, visit(expected)),
                undefined,
                at(),
              ),
            )
          : null,
      try_cmpxchg: (at, [expected, value]) =>
        paren(
          f.createConditionalExpression(
            binary(at(), S.EqualsEqualsEqualsToken, visit(expected)),
            undefined,
            binary(binary(at(), S.EqualsToken, visit(value)), S.CommaToken, f.createTrue()),
            undefined,
            f.createFalse(),
          ),
        ),
      list_add: (at, [item]) => listed('__listAdd', at, item),
      list_add_rcu: (at, [item]) => listed('__listAdd', at, item),
      list_del: (at, [item]) => listed('__listDel', at, item),
      list_del_rcu: (at, [item]) => listed('__listDel', at, item),
      await_until: (at, [condition]) =>
        f.createCallExpression(f.createIdentifier('__awaited'), undefined, [
          at(),
          visit(condition),
        ]),
    };
    const listed = (name, at, item) =>
      binary(
        at(),
        S.EqualsToken,
        f.createCallExpression(f.createIdentifier(name), undefined, [at(), visit(item)]),
      );
    /** A cell whose object can be named more than once. */
    const isRepeatable = (node) => {
      const inner = plain(node);
      return ts.isPropertyAccessExpression(inner) && isCell(inner)
        ? isPure(inner.expression)
        : ts.isIdentifier(inner);
    };

    const visitCall = (node) => {
      const callee = plain(node.expression);
      const isTask = isTaskType(checker.getTypeAtLocation(node));
      // The kernel's functions are plain fields: whoever calls one hands over the kernel.
      const ofKernel =
        isTask &&
        ts.isPropertyAccessExpression(callee) &&
        ts.isIdentifier(callee.expression) &&
        ['k', 'kernel'].includes(callee.expression.text);
      const name = ts.isIdentifier(callee) ? callee.text : ofKernel ? callee.name.text : null;
      if (name !== null && isTask) {
        if (Object.hasOwn(INLINE, name) && isRepeatable(node.arguments[0])) {
          const inline = INLINE[name](() => place(node.arguments[0]), node.arguments.slice(1));
          if (inline !== null) return inline;
        }
        if (LOADS.has(name)) return place(node.arguments[0]);
        if (STORES.has(name)) {
          return f.createParenthesizedExpression(
            f.createAssignment(place(node.arguments[0]), visit(node.arguments[1])),
          );
        }
        if (NOTHING.has(name)) return f.createVoidZero();
      }
      return f.updateCallExpression(node, visit(node.expression), undefined, [
        ...(ofKernel ? [f.createIdentifier(callee.expression.text)] : []),
        ...node.arguments.map((argument) => visit(argument)),
      ]);
    };

    /** `const { a, b } = object`, where a and b are cells: references to the fields. */
    const visitVariable = (node) => {
      if (!ts.isObjectBindingPattern(node.name) || node.initializer === undefined) return [node];
      if (!node.name.elements.some((element) => isCell(element))) return [node];
      const holder = f.createUniqueName('object');
      const declarations = [
        f.createVariableDeclaration(holder, undefined, undefined, visit(node.initializer)),
      ];
      for (const element of node.name.elements) {
        const key = (element.propertyName ?? element.name).text;
        const value = isCell(element)
          ? refTo(holder, f.createStringLiteral(key))
          : f.createPropertyAccessExpression(holder, key);
        declarations.push(
          f.createVariableDeclaration(element.name.text, undefined, undefined, value),
        );
      }
      return declarations;
    };

    /** Functions that yielded, and now call. */
    const withoutAsterisk = (node) => {
      const { modifiers, name, typeParameters, parameters, type, body } = node;
      const rest = [typeParameters, parameters, type, body];
      if (ts.isMethodDeclaration(node)) {
        return f.updateMethodDeclaration(
          node,
          modifiers,
          undefined,
          name,
          node.questionToken,
          ...rest,
        );
      }
      return ts.isFunctionDeclaration(node)
        ? f.updateFunctionDeclaration(node, modifiers, undefined, name, ...rest)
        : f.updateFunctionExpression(node, modifiers, undefined, name, ...rest);
    };

    const visit = (node) => {
      if (ts.isYieldExpression(node)) return visit(node.expression);
      if (ts.isCallExpression(node)) return visitCall(node);
      // Fields are their initial values; only other cells are references.
      if (ts.isPropertyAccessExpression(node)) {
        if (node.name.text === 'value' && isCell(node.expression)) return place(node.expression);
        if (isCell(node) && !isDeclared(node)) return asRef(node);
      }
      if (ts.isElementAccessExpression(node) && isCell(node)) return asRef(node);
      if (ts.isVariableDeclarationList(node)) {
        const declarations = node.declarations.flatMap((each) => {
          const changed = visitVariable(each);
          return changed.length === 1 && changed[0] === each
            ? [ts.visitEachChild(each, visit, context)]
            : changed;
        });
        return f.updateVariableDeclarationList(node, declarations);
      }
      if (
        ts.isFunctionDeclaration(node) ||
        ts.isFunctionExpression(node) ||
        ts.isMethodDeclaration(node)
      ) {
        return withoutAsterisk(ts.visitEachChild(node, visit, context));
      }
      return ts.visitEachChild(node, visit, context);
    };

    /** `this.x = …` where x is declared, not taken as a value. */
    const isDeclared = (node) =>
      ts.isBinaryExpression(node.parent ?? {}) &&
      node.parent.left === node &&
      node.parent.operatorToken.kind === ts.SyntaxKind.EqualsToken;

    const isTypeImport = ({ importClause }) =>
      importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;

    /** What was imported, without the operations that are gone. */
    const withoutOperations = (clause) => {
      const named = clause?.namedBindings;
      if (named === undefined || !ts.isNamedImports(named)) return clause;
      const isGone = (text) => LOADS.has(text) || STORES.has(text) || NOTHING.has(text);
      const left = named.elements.filter(
        ({ name, isTypeOnly }) => !isTypeOnly && !isGone(name.text),
      );
      return f.updateImportClause(
        clause,
        clause.phaseModifier,
        clause.name,
        f.updateNamedImports(named, left),
      );
    };

    const rewriteImport = (node) => {
      if (
        (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) &&
        node.moduleSpecifier !== undefined
      ) {
        if (node.isTypeOnly === true || isTypeImport(node)) return node;
        const name = node.moduleSpecifier.text;
        let to = name;
        const here = dirname(relative(SRC, source.fileName));
        const target = join(here, name);
        if (here === 'machine' && !DERIVED.includes(basename(name, '.js'))) {
          to = '../../machine/direct.js';
        } else if (target === 'vfs/platform/index.js') {
          to = `${relative(here, '.') || '.'}/../vfs/platform/direct.js`;
        }
        if (to !== name || target.startsWith('machine/')) {
          const literal = f.createStringLiteral(to);
          return ts.isImportDeclaration(node)
            ? f.updateImportDeclaration(
                node,
                node.modifiers,
                withoutOperations(node.importClause),
                literal,
                undefined,
              )
            : f.updateExportDeclaration(
                node,
                node.modifiers,
                node.isTypeOnly,
                node.exportClause,
                literal,
                undefined,
              );
        }
        return node;
      }
      return visit(node);
    };

    const here = dirname(relative(SRC, source.fileName));
    const refImport = f.createImportDeclaration(
      undefined,
      f.createImportClause(
        undefined,
        undefined,
        f.createNamedImports(
          ['Ref', 'listAdd', 'listDel', 'awaited'].map((name) =>
            f.createImportSpecifier(
              false,
              f.createIdentifier(name),
              f.createIdentifier(`__${name}`),
            ),
          ),
        ),
      ),
      f.createStringLiteral(`${relative(here, '.') || '.'}/../machine/direct.js`),
    );
    const refsImport = f.createImportDeclaration(
      undefined,
      f.createImportClause(
        undefined,
        undefined,
        f.createNamespaceImport(f.createIdentifier('__refs')),
      ),
      f.createStringLiteral(`${relative(here, '.') || '.'}/refs.js`),
    );
    return f.updateSourceFile(source, [
      refImport,
      refsImport,
      ...source.statements.map(rewriteImport),
    ]);
  };
}
