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
import { COMPARED, DERIVED, FOLDERS } from './operations.js';
import { transformerOf } from './transform.js';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const ENTRY = join(ROOT, 'src/vfs/index.ts');
const OUT = join(ROOT, 'dist/direct');
const STAMP = join(OUT, '.stamp');

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
    ...['build', 'operations', 'transform'].map((name) => join(ROOT, `tools/direct/${name}.js`)),
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

await main();
