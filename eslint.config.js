import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { noFloatingTask } from './tools/eslint/no-floating-task.js';

export default defineConfig(
  globalIgnores(['dist/', 'docs/', 'coverage/', '.vitest/', 'test/tools/fixture/']),
  {
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'prefer-const': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
      ],
      'no-warning-comments': ['error', { terms: ['fixme', 'xxx', 'todo'], location: 'anywhere' }],
      // Kernel code that only computes is a generator too, so that its callers need not know.
      'require-yield': 'off',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
    },
  },
  {
    // Code that runs on the simulated machine. Users' own patches are written like examples/.
    files: ['src/**/*.ts', 'test/**/*.ts', 'examples/**/*.ts'],
    plugins: { dlab: { rules: { 'no-floating-task': noFloatingTask } } },
    rules: { 'dlab/no-floating-task': 'error' },
  },
  {
    // The library is deterministic and silent: same input, same output, byte for byte.
    files: ['src/**/*.ts'],
    ignores: ['src/cli/**'],
    rules: {
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        {
          object: 'Math',
          property: 'random',
          message: 'Take a seeded generator: every run must be replayable.',
        },
        {
          object: 'Date',
          property: 'now',
          message: 'Take a clock as an argument: every run must be replayable.',
        },
      ],
    },
  },
  {
    // Tests build broken values on purpose; src/ stays strict.
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
  {
    // Configuration files export what their tool expects.
    files: ['*.config.{js,ts}', '.dependency-cruiser.js'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { parserOptions: { projectService: false } },
  },
);
