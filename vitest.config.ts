import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    // The package under its own name, from source. The longer name first.
    alias: [
      { find: /^dentrylab\/vitest$/, replacement: at('src/vitest/index.ts') },
      { find: /^dentrylab\/fs$/, replacement: at('src/fs/index.ts') },
      { find: /^dentrylab$/, replacement: at('src/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
    testTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
    reporters: ['default', ['json', { outputFile: '.vitest/results.json' }]],
  },
});
