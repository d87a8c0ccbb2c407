/**
 * The direct build: the kernel's own source, made into plain functions.
 *
 * Kernel code is generators over cells, so that every access can be a scheduling point. Who uses
 * the kernel alone, call by call, needs none of that: here each generator becomes a function, each
 * `yield*` the call itself, each cell a field, and each simple operation the access that it stands
 * for. Nothing is written twice but the machine (src/machine/direct.ts) and the containers
 * (src/vfs/platform/direct.ts). Output: dist/direct/.
 */

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const ENTRY = join(ROOT, 'src/vfs/index.ts');
const OUT = join(ROOT, 'dist/direct');
const STAMP = join(OUT, '.stamp');

/** Folders that are transformed; everything else is replaced or left out. */
const FOLDERS = ['lockref', 'rcu', 'dcache', 'vfs'];
/** Files of the machine that are kernel code themselves, written with its operations. */
const DERIVED = ['seqlock', 'completion', 'wait'];
/** Operations that are one load, one store, or nothing at all. */
const LOADS = new Set([
  'read',
  'READ_ONCE',
  'smp_load_acquire',
  'rcu_dereference',
  'rcu_dereference_check',
  'rcu_dereference_protected',
  'rcu_access_pointer',
]);
const STORES = new Set(['write', 'WRITE_ONCE', 'smp_store_release', 'rcu_assign_pointer']);
const NOTHING = new Set([
  // Nobody else is there to be kept out.
  'spin_lock',
  'spin_lock_nested',
  'bit_spin_lock',
  'spin_unlock',
  'down_read',
  'up_read',
  'down_write',
  'up_write',
  'rcu_read_lock',
  'rcu_read_unlock',
  'synchronize_rcu',
  'smp_mb',
  'smp_rmb',
  'smp_wmb',
  'section_enter',
  'section_exit',
  'section_snapshot',
  'section_await',
  'join',
  'kmem_cache_free',
  'printk',
  'cover',
  'might_sleep',
  'might_lock',
  'lockdep_assert_held',
  'assert_in_section',
  'lockdep_assert_in_rcu_read_lock',
  'assert_not_in_section',
  'inspect',
]);

/** Fields whose address is kept and compared: each object has one reference to them. */
const COMPARED = new Set(['stashed']);

/** The inputs' hash: without a change nothing is built. */
function stampOf(files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(file).update(readFileSync(file));
  return hash.digest('hex');
}

async function main() {
  if (existsSync(STAMP)) {
    const { files, stamp } = JSON.parse(readFileSync(STAMP, 'utf8'));
    if (files.every((file) => existsSync(file)) && stampOf(files) === stamp) return;
  }
  const { default: ts } = await import('typescript');
  const config = ts.readConfigFile(join(ROOT, 'tsconfig.build.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, ROOT);
  const program = ts.createProgram([ENTRY], {
    ...options,
    incremental: false,
    tsBuildInfoFile: undefined,
    declaration: false,
    sourceMap: false,
    noEmitOnError: false,
  });
  const checker = program.getTypeChecker();
  const sources = program.getSourceFiles().filter((file) => {
    const [folder] = relative(join(ROOT, 'src'), file.fileName).split('/');
    if (folder === 'machine') return DERIVED.includes(basename(file.fileName, '.ts'));
    return FOLDERS.includes(folder) && !file.fileName.endsWith('/platform/direct.ts');
  });
  /** Fields that are passed around: a class for each, so that who uses one sees one kind. */
  const keys = new Set();
  for (const source of sources) {
    const out = join(OUT, relative(join(ROOT, 'src'), source.fileName)).replace(/\.ts$/, '.js');
    mkdirSync(dirname(out), { recursive: true });
    program.emit(source, (_name, text) => writeFileSync(out, text), undefined, false, {
      before: [transformerOf(ts, checker, keys)],
    });
  }
  writeFileSync(join(OUT, 'refs.js'), [...keys].sort().map(refClass).join(''));
  const derived = DERIVED.map((name) => `export * from './machine/${name}.js';\n`).join('');
  writeFileSync(
    join(OUT, 'machine/index.js'),
    `export * from '../../machine/direct.js';\n${derived.replaceAll('./machine/', './')}` +
      (await missing()).map(unavailable).join(''),
  );
  writeFileSync(
    join(OUT, 'index.js'),
    "export * from './vfs/index.js';\nexport { Machine, WouldBlock } from '../machine/direct.js';\n",
  );
  const files = [
    fileURLToPath(import.meta.url),
    ...program
      .getSourceFiles()
      .map(({ fileName }) => fileName)
      .filter((name) => name.startsWith(join(ROOT, 'src'))),
  ];
  writeFileSync(STAMP, JSON.stringify({ files, stamp: stampOf(files) }));
}

/** Operations that the output imports and that nothing has. */
async function missing() {
  const known = new Set(Object.keys(await import(join(ROOT, 'dist/machine/direct.js'))));
  const wanted = new Set();
  for (const name of readdirSync(OUT, { recursive: true })) {
    if (!name.endsWith('.js')) continue;
    const text = readFileSync(join(OUT, name), 'utf8');
    // Not index.js of the build before.
    if (dirname(name) === 'machine' && DERIVED.includes(basename(name, '.js'))) {
      for (const [, own] of text.matchAll(/^export (?:function|class|const) (\w+)/gm))
        known.add(own);
    }
    for (const [, list] of text.matchAll(/import \{([^}]*)\} from "[./]*machine\/index\.js"/g)) {
      for (const each of list.split(',')) wanted.add(each.trim().split(' ')[0]);
    }
  }
  return [...wanted].filter((name) => name !== '' && !known.has(name)).sort();
}

/** What only a machine with several processors can do says so when it is used. */
function unavailable(name) {
  return `export function ${name}() {
  throw new Error('${name} is not in the direct build');
}
`;
}

/** A reference to the field `key` of an object. */
function refClass(key) {
  const single = `
  static #known = new WeakMap();
  static of(object) {
    let ref = this.#known.get(object);
    if (ref === undefined) this.#known.set(object, (ref = new ${key}(object)));
    return ref;
  }`;
  return `export class ${key} {${COMPARED.has(key) ? single : ''}
  constructor(object) {
    this.object = object;
  }
  get value() {
    return this.object.${key};
  }
  set value(value) {
    this.object.${key} = value;
  }
}
`;
}

/** The transformation of one file. */
function transformerOf(ts, checker, keys) {
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
      if (ts.isFunctionDeclaration(node)) {
        const made = ts.visitEachChild(node, visit, context);
        return f.updateFunctionDeclaration(
          made,
          made.modifiers,
          undefined,
          made.name,
          made.typeParameters,
          made.parameters,
          made.type,
          made.body,
        );
      }
      if (ts.isFunctionExpression(node)) {
        const made = ts.visitEachChild(node, visit, context);
        return f.updateFunctionExpression(
          made,
          made.modifiers,
          undefined,
          made.name,
          made.typeParameters,
          made.parameters,
          made.type,
          made.body,
        );
      }
      if (ts.isMethodDeclaration(node)) {
        const made = ts.visitEachChild(node, visit, context);
        return f.updateMethodDeclaration(
          made,
          made.modifiers,
          undefined,
          made.name,
          made.questionToken,
          made.typeParameters,
          made.parameters,
          made.type,
          made.body,
        );
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
        const here = dirname(relative(join(ROOT, 'src'), source.fileName));
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

    const here = dirname(relative(join(ROOT, 'src'), source.fileName));
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

await main();
