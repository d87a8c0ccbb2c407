/**
 * A user's patch: a TypeScript or JavaScript file whose exported generator functions replace kernel
 * functions of the same name. Compiled here, so that the user needs no build step.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import type { KernelFunction } from '../machine/index.js';
import { kernel_function_names, nearest } from '../vfs/index.js';
import { UsageError } from './exit.js';

/** The functions that a file exports. @throws UsageError naming file, line and what to do */
export async function loadPatch(path: string): Promise<Record<string, KernelFunction>> {
  const file = resolve(path);
  if (!existsSync(file)) throw new UsageError(`${path}: no such file`);
  const source = readFileSync(file, 'utf8');
  const folder = mkdtempSync(join(tmpdir(), 'dlab-'));
  try {
    const compiled = join(folder, `${basename(file).replace(/\.[cm]?[jt]s$/, '')}.mjs`);
    writeFileSync(compiled, compile(path, source));
    const module = (await import(pathToFileURL(compiled).href)) as Record<string, unknown>;
    return functionsOf(path, module);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${path}: ${(error as Error).message}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function compile(path: string, source: string): string {
  const { outputText, diagnostics } = ts.transpileModule(source, {
    fileName: path,
    reportDiagnostics: true,
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    },
  });
  const errors = diagnostics ?? [];
  if (errors.length > 0) {
    const host: ts.FormatDiagnosticsHost = {
      getCurrentDirectory: () => process.cwd(),
      getCanonicalFileName: (name) => name,
      getNewLine: () => '\n',
    };
    throw new UsageError(
      ts
        .formatDiagnosticsWithColorAndContext(errors, host)
        .replace(/\u001b\[\d+m/g, '')
        .trimEnd(),
    );
  }
  // The file may lie anywhere: `dentrylab` means the package that reads it.
  const self = new URL('../index.js', import.meta.url).href;
  return outputText.replace(/(from\s+|import\s*\(?\s*)(['"])dentrylab\2/g, `$1'${self}'`);
}

function functionsOf(
  path: string,
  module: Record<string, unknown>,
): Record<string, KernelFunction> {
  const known = kernel_function_names();
  const functions: Record<string, KernelFunction> = {};
  for (const [name, value] of Object.entries(module)) {
    if (typeof value !== 'function') continue;
    if (!known.includes(name)) {
      throw new UsageError(
        `${path}: exports '${name}', which is no kernel function; the nearest are ` +
          `${nearest(name, known).join(', ')}. Do not export helpers. See: dlab list functions`,
      );
    }
    if (value.constructor.name !== 'GeneratorFunction') {
      throw new UsageError(
        `${path}: '${name}' must be a generator function: export function* ${name}(k, ...)`,
      );
    }
    functions[name] = value as KernelFunction;
  }
  if (Object.keys(functions).length === 0) {
    throw new UsageError(
      `${path}: exports no function. Export one named like what it replaces: dlab list functions`,
    );
  }
  return functions;
}
