/**
 * What is changed in a patch's code besides its types: where imports lead, and that loops end.
 *
 * Invariant: code that ends does the same as before.
 */

import { createRequire } from 'node:module';
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { UsageError } from '../exit.js';

/**
 * More rounds than any loop of kernel code goes in one call: an execution has at most 20,000 steps,
 * and between two of them a task may do 100,000 operations of its own.
 */
const ROUNDS_MAX = 200_000;
const OVERRUN_NAME = '__dlab_overrun';

/** Code that compiled modules end with. @param self address of the package */
export function OVERRUN(self: string): string {
  return `import { MisuseError as __dlab_MisuseError } from '${self}';
function ${OVERRUN_NAME}(place) {
  throw new __dlab_MisuseError(
    \`\${place}: this loop went round ${ROUNDS_MAX} times. Give it an end, or let it wait for others: \` +
      'yield* retry(...) or yield* cpu_relax()',
  );
}`;
}

/**
 * Lead every import to an address that is the same from anywhere.
 * @param local addresses of the files that relative imports name
 */
export function redirectImports(
  file: string,
  shown: string,
  self: string,
  local: ReadonlyMap<string, string>,
): ts.TransformerFactory<ts.SourceFile> {
  const addressOf = (specifier: string): string => {
    if (specifier === 'dentrylab') return self;
    const known = local.get(specifier);
    if (known !== undefined) return known;
    if (/^(node|file|data):/.test(specifier)) return specifier;
    try {
      const found = createRequire(file).resolve(specifier);
      return isAbsolute(found) ? pathToFileURL(found).href : found;
    } catch {
      throw new UsageError(
        `${shown}: imports '${specifier}', which is not installed beside it. ` +
          "Patches need 'dentrylab' alone",
      );
    }
  };
  return (context) => (sourceFile) => {
    const visit = (node: ts.Node): ts.Node => {
      if (ts.isStringLiteral(node) && isSpecifier(node)) {
        return context.factory.createStringLiteral(addressOf(node.text));
      }
      return ts.visitEachChild(node, visit, context);
    };
    return ts.visitEachChild(sourceFile, visit, context);
  };
}

function isSpecifier(node: ts.StringLiteral): boolean {
  const { parent } = ts.getOriginalNode(node) as ts.StringLiteral;
  if (parent === undefined) return false;
  if (ts.isImportDeclaration(parent) || ts.isExportDeclaration(parent)) return true;
  return ts.isCallExpression(parent) && parent.expression.kind === ts.SyntaxKind.ImportKeyword;
}

/** Let every loop count its rounds, and give up with its place in the user's file. */
export function boundLoops(shown: string): ts.TransformerFactory<ts.SourceFile> {
  return (context) => (sourceFile) => {
    const { factory } = context;
    const visit = (node: ts.Node): ts.Node => {
      const inner = ts.visitEachChild(node, visit, context);
      if (ts.isLabeledStatement(inner) && isLabelOfLoop(node)) {
        // `continue label` needs the label right before the loop: the counter goes before both.
        const [counter, loop] = (inner.statement as ts.Block).statements;
        return factory.createBlock([
          counter,
          factory.updateLabeledStatement(inner, inner.label, loop),
        ]);
      }
      if (!ts.isIterationStatement(inner, false)) return inner;
      const at = sourceFile.getLineAndCharacterOfPosition(node.getStart(sourceFile));
      const counter = factory.createUniqueName('rounds');
      const isTooMany = factory.createGreaterThan(
        factory.createPrefixIncrement(counter),
        factory.createNumericLiteral(ROUNDS_MAX),
      );
      const place = factory.createStringLiteral(`${shown}:${at.line + 1}:${at.character + 1}`);
      const overrun = factory.createCallExpression(
        factory.createIdentifier(OVERRUN_NAME),
        undefined,
        [place],
      );
      const check = factory.createIfStatement(
        isTooMany,
        factory.createExpressionStatement(overrun),
      );
      const { statement } = inner;
      const own = ts.isBlock(statement) ? statement.statements : [statement];
      const body = factory.createBlock([check, ...own], true);
      const loop = ts.visitEachChild(
        inner,
        (child) => (child === statement ? body : child),
        context,
      );
      const zero = factory.createNumericLiteral(0);
      const variable = factory.createVariableDeclaration(counter, undefined, undefined, zero);
      const declared = factory.createVariableStatement(
        undefined,
        factory.createVariableDeclarationList([variable], ts.NodeFlags.Let),
      );
      return factory.createBlock([declared, loop], true);
    };
    return ts.visitEachChild(sourceFile, visit, context);
  };
}

function isLabelOfLoop(node: ts.Node): boolean {
  return (
    ts.isLabeledStatement(node) &&
    (ts.isIterationStatement(node.statement, false) || isLabelOfLoop(node.statement))
  );
}
