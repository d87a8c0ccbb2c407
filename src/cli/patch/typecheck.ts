/**
 * The types of a patch: TypeScript's own check, whether each function fits where it goes, and
 * whether every task in it is run.
 *
 * Keeps the compiler warm, so that a second look at a changed file takes a fraction of the first.
 */

import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { kernel_function_names } from '../../vfs/index.js';
import { floatingTasks } from './floating.js';
import type { Problem } from './problem.js';

const BUILT = fileURLToPath(new URL('../../index.d.ts', import.meta.url));
/** The library's types; its source where it is run without a build. */
const TYPES = existsSync(BUILT) ? BUILT : BUILT.replace(/\.d\.ts$/, '.ts');

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2023.d.ts'],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  strict: true,
  noImplicitOverride: true,
  noEmit: true,
  skipLibCheck: true,
  // JavaScript is looked at for tasks that nobody runs, not for its types.
  allowJs: true,
  allowImportingTsExtensions: true,
  types: [],
};

/** What a patch may use besides the library: enough to look at things while trying. */
const GLOBALS = 'declare var console: { log(...values: unknown[]): void };\n';

export class TypeChecker {
  readonly #path: string;
  readonly #file: string;
  readonly #globals: string;
  readonly #signatures: string;
  readonly #service: ts.LanguageService;
  /** Texts that cannot change while the process runs: the compiler asks for them every time. */
  readonly #fixed = new Map<string, ts.IScriptSnapshot>();
  #names: readonly string[] = [];

  /** @param path as the user named it */
  constructor(path: string) {
    this.#path = path;
    this.#file = resolve(path).replaceAll('\\', '/');
    this.#globals = `${this.#file}.globals.d.ts`;
    this.#signatures = `${this.#file}.signatures.ts`;
    this.#service = ts.createLanguageService(this.#host());
  }

  /** What is wrong with the file as it is on disk now, by place. */
  check(): Problem[] {
    const source = readFileSync(this.#file, 'utf8');
    const known = new Set(kernel_function_names());
    // By name and not by type: the answer decides what the compiler is asked.
    this.#names = [...new Set(source.match(/[\w$]+/g) ?? [])].filter((name) => known.has(name));
    const program = this.#service.getProgram()!;
    const files = program
      .getSourceFiles()
      .filter(({ fileName }) => this.#isUsers(program, fileName));
    const problems = files.flatMap((file) => [
      // Asked of the service, each of these would look at every file of the library again.
      ...program.getSyntacticDiagnostics(file).map((d) => this.#problem(d)),
      ...program.getSemanticDiagnostics(file).map((d) => this.#problem(d)),
      ...floatingTasks(program.getTypeChecker(), file, known).map(({ node, message }) => ({
        ...this.#placeOf(node),
        code: 'no-floating-task',
        message,
      })),
    ]);
    // A function whose own types are wrong fits nowhere, which would be said twice.
    return problems.length > 0 ? problems : this.#misfits(program);
  }

  #isUsers(program: ts.Program, file: string): boolean {
    if (file === this.#globals || file === this.#signatures || file.endsWith('.d.ts')) return false;
    if (file.startsWith(dirname(TYPES).replaceAll('\\', '/'))) return false;
    const source = program.getSourceFile(file)!;
    return (
      !program.isSourceFileFromExternalLibrary(source) &&
      !program.isSourceFileDefaultLibrary(source)
    );
  }

  /** Functions that those who call the kernel's function of the name cannot call. */
  #misfits(program: ts.Program): Problem[] {
    const checker = program.getTypeChecker();
    const module = checker.getSymbolAtLocation(program.getSourceFile(this.#file)!);
    const exported = module === undefined ? [] : checker.getExportsOfModule(module);
    return program
      .getSemanticDiagnostics(program.getSourceFile(this.#signatures))
      .flatMap(({ start = 0, code, messageText }) => {
        const text = this.#signatureText();
        const name = /^export const (\w+)/.exec(text.slice(text.lastIndexOf('\n', start) + 1))?.[1];
        const declared = exported.find((symbol) => symbol.name === name)?.declarations?.[0];
        if (declared === undefined) return [];
        const message =
          `'${name}' does not fit where the kernel calls it. ` +
          ts.flattenDiagnosticMessageText(messageText, '\n');
        const node = ts.getNameOfDeclaration(declared) ?? declared;
        return [{ ...this.#placeOf(node), code: `TS${code}`, message }];
      });
  }

  #problem({ file, start = 0, length = 1, code, messageText }: ts.Diagnostic): Problem {
    const message = ts.flattenDiagnosticMessageText(messageText, '\n');
    const source = file?.text ?? '';
    return { file: this.#shown(file?.fileName), source, start, length, code: `TS${code}`, message };
  }

  #placeOf(node: ts.Node): Pick<Problem, 'file' | 'source' | 'start' | 'length'> {
    const file = node.getSourceFile();
    const start = node.getStart(file);
    return {
      file: this.#shown(file.fileName),
      source: file.text,
      start,
      length: node.getEnd() - start,
    };
  }

  #shown(file = this.#file): string {
    return file === this.#file ? this.#path : file;
  }

  /** A module that gives each function of the patch to those who call the kernel's. */
  #signatureText(): string {
    // Not by an index type: to check one, the compiler looks at every function of the kernel.
    return [
      `import type * as patch from '#patch';`,
      "import type { VfsKernel } from 'dentrylab';",
      'type Called<F> = F extends (...args: infer A) => infer R',
      '  ? (k: VfsKernel, ...args: A) => R : unknown;',
      ...this.#names.map(
        (name) =>
          `export const ${name}: VfsKernel extends { ${name}: infer F } ? Called<F> : unknown = ` +
          `null! as typeof patch extends { ${name}: infer F } ? F : any;`,
      ),
      '',
    ].join('\n');
  }

  #textOf(file: string): string | undefined {
    if (file === this.#globals) return GLOBALS;
    if (file === this.#signatures) return this.#signatureText();
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  }

  /** The text of a file of the library or of the compiler, which is read once. */
  #fixedText(file: string): ts.IScriptSnapshot {
    let text = this.#fixed.get(file);
    if (text === undefined) {
      text = ts.ScriptSnapshot.fromString(readFileSync(file, 'utf8'));
      this.#fixed.set(file, text);
    }
    return text;
  }

  #host(): ts.LanguageServiceHost {
    const own = (file: string): boolean => file === this.#globals || file === this.#signatures;
    // Not by its path: `./a.js` would mean `./a.ts` if there is one beside it.
    const paths = { dentrylab: [TYPES], '#patch': [this.#file] };
    const settings = { ...OPTIONS, paths };
    const fixedFolders = [dirname(TYPES), dirname(ts.getDefaultLibFilePath(OPTIONS))].map(
      (folder) => `${folder.replaceAll('\\', '/')}/`,
    );
    const isFixed = (file: string): boolean =>
      file.endsWith('.d.ts') &&
      !own(file) &&
      fixedFolders.some((folder) => file.startsWith(folder));
    return {
      getCompilationSettings: () => settings,
      getScriptFileNames: () => [this.#file, this.#globals, this.#signatures],
      getScriptVersion: (file) => {
        if (file === this.#signatures) return this.#names.join();
        if (own(file) || isFixed(file)) return '';
        const stat = statSync(file, { throwIfNoEntry: false });
        return stat === undefined ? '' : `${stat.mtimeMs} ${stat.size} ${stat.ino}`;
      },
      getScriptSnapshot: (file) => {
        if (isFixed(file)) return this.#fixedText(file);
        const text = this.#textOf(file);
        return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
      },
      getCurrentDirectory: () => process.cwd(),
      getDefaultLibFileName: (options) => ts.getDefaultLibFilePath(options),
      fileExists: (file) => own(file) || ts.sys.fileExists(file),
      readFile: (file) => (own(file) ? this.#textOf(file) : ts.sys.readFile(file)),
      directoryExists: (path) => ts.sys.directoryExists(path),
      getDirectories: (path) => ts.sys.getDirectories(path),
    };
  }
}
