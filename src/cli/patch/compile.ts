/**
 * A user's patch made runnable: its file and the local files that it imports, stripped of types and
 * written to a folder of this process, so that users need no build step.
 *
 * `dentrylab` means the package that reads the patch, wherever the patch lies. Invariant: compiled
 * code cannot hang a thread in a loop of its own: every loop counts its rounds and gives up with the
 * place in the user's file.
 */

import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { UsageError } from '../exit.js';
import { frameOf, type Problem } from './problem.js';
import { boundLoops, OVERRUN, redirectImports } from './transform.js';

/** A patch as code that can be imported. */
export interface Compiled {
  /** Where to import it from: another address for every other content. */
  readonly url: string;
  /** The user's files that it was made from, the patch itself first. */
  readonly sources: readonly string[];
  /** Of what stood in them when they were read, see {@link digestOf}. */
  readonly digest: string;
}

/** One word for the contents of some files; null is a file that is not there. */
export function digestOf(contents: Iterable<string | null>): string {
  const hash = createHash('sha256');
  for (const content of contents)
    hash.update(content === null ? '-' : `+${content.length} ${content}`);
  return hash.digest('hex');
}

const SELF = new URL('../../index.js', import.meta.url).href;
const LOCAL = /^\.{1,2}(\/|$)/;

/** Where compiled patches are kept until the process ends. */
export class PatchFolder {
  readonly #folder = mkdtempSync(join(tmpdir(), 'dlab-'));

  constructor() {
    process.once('exit', () => this.remove());
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Compile a patch as it is on disk now. @throws UsageError naming file, line and what to do */
  compile(path: string): Compiled {
    const files = new Map<string, string>();
    const contents: string[] = [];
    const url = this.#compileFile(resolve(path), path, files, contents);
    return { url, sources: [...files.keys()], digest: digestOf(contents) };
  }

  /** @param files done already, with their addresses @param contents what stood in them */
  #compileFile(
    file: string,
    shown: string,
    files: Map<string, string>,
    contents: string[],
  ): string {
    const source = readSource(file, shown);
    contents.push(source);
    // Files that import each other find an address here before there is code at it.
    const version = createHash('sha256').update(file).update(source);
    files.set(file, '');
    const imports = new Map<string, string>();
    for (const { fileName: specifier } of ts.preProcessFile(source, true, true).importedFiles) {
      if (!LOCAL.test(specifier)) continue;
      const target = localFile(file, specifier, shown);
      const known = files.get(target);
      if (known === '') throw new UsageError(`${shown}: '${specifier}' imports this file again`);
      const url = known ?? this.#compileFile(target, target, files, contents);
      imports.set(specifier, url);
      version.update(url);
    }
    const name = `${basename(file).replace(/\.[cm]?[jt]sx?$/, '')}.${version.digest('hex').slice(0, 12)}.mjs`;
    const compiled = join(this.#folder, name);
    const url = pathToFileURL(compiled).href;
    files.set(file, url);
    if (!existsSync(compiled)) {
      writeFileSync(compiled, transpile(file, shown, source, imports));
    }
    return url;
  }
}

function readSource(file: string, shown: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) {
    throw new UsageError(`${shown}: no such file. To begin with one: dlab new variant my-stash`);
  }
  if (!stat.isFile()) throw new UsageError(`${shown}: not a file`);
  return readFileSync(file, 'utf8');
}

/** The file that an import means, by the rules of TypeScript: `./a.js` may be `./a.ts`. */
function localFile(from: string, specifier: string, shown: string): string {
  const named = resolve(dirname(from), specifier);
  const stem = named.replace(/\.([cm]?)js$/, '.$1ts');
  const found = [named, stem, `${named}.ts`, `${named}.js`, join(named, 'index.ts')].find(
    (candidate) => statSync(candidate, { throwIfNoEntry: false })?.isFile() ?? false,
  );
  if (found === undefined) throw new UsageError(`${shown}: imports '${specifier}': no such file`);
  return found;
}

function transpile(
  file: string,
  shown: string,
  source: string,
  imports: ReadonlyMap<string, string>,
): string {
  const {
    outputText,
    diagnostics,
    sourceMapText = '',
  } = ts.transpileModule(source, {
    fileName: file,
    reportDiagnostics: true,
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      sourceMap: true,
    },
    transformers: {
      before: [boundLoops(shown)],
      after: [redirectImports(file, shown, SELF, imports)],
    },
  });
  const problems = (diagnostics ?? []).map((diagnostic): Problem => {
    const { code, start = 0, length = 1, messageText } = diagnostic;
    const message = ts.flattenDiagnosticMessageText(messageText, '\n');
    return { file: shown, source, start, length, code: `TS${code}`, message };
  });
  if (problems.length > 0) throw new UsageError(problems.map((p) => frameOf(p)).join('\n\n'));
  // Frames of the patch then name the user's file and its lines.
  const map = { ...(JSON.parse(sourceMapText) as object), sources: [pathToFileURL(file).href] };
  const data = Buffer.from(JSON.stringify(map)).toString('base64');
  const code = outputText.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '');
  return `${code}\n${OVERRUN(SELF)}\n//# sourceMappingURL=data:application/json;base64,${data}\n`;
}
