import { LAYERS, NOT_IN_INDEX } from './tools/layers.js';

const layerRules = Object.entries(LAYERS).flatMap(
  ([layer, { folders, packages = [], node = false }]) => [
    {
      name: `layer-${layer}`,
      comment: `src/${layer} may import these folders: ${folders.join(', ') || 'none'} (tools/layers.js)`,
      severity: 'error',
      from: { path: `^src/${layer}/` },
      to: { path: '^src/', pathNot: [layer, ...folders].map((name) => `^src/${name}/`) },
    },
    {
      name: `packages-${layer}`,
      comment: `src/${layer} may import these packages: ${packages.join(', ') || 'none'}; Node's modules: ${node ? 'yes' : 'no'} (tools/layers.js)`,
      severity: 'error',
      from: { path: `^src/${layer}/` },
      // Whatever is not a file of src/ counts, also what cannot be resolved.
      to: {
        pathNot: ['^src/', ...packages.map((name) => `^(node_modules/)?${name}/`)],
        ...(node ? { dependencyTypesNot: ['core'] } : {}),
      },
    },
  ],
);

const known = Object.keys(LAYERS);

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...layerRules,
    {
      name: 'layer-index',
      comment: 'src/index.ts exports the library, not the programs built on it',
      severity: 'error',
      from: { path: '^src/index\\.ts$' },
      to: { path: '^(?!src/)|' + NOT_IN_INDEX.map((name) => `^src/${name}/`).join('|') },
    },
    {
      name: 'no-unknown-folder',
      comment: 'every folder of src/ has a row in tools/layers.js',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/index\\.ts$', ...known.map((l) => `^src/${l}/`)] },
      to: {},
    },
    {
      name: 'no-circular',
      comment: 'no cycles; types of one folder may refer to each other',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-circular-between-folders',
      comment: 'not even types may form a cycle across folders',
      severity: 'error',
      from: { path: '^src/([^/]+)/' },
      to: { circular: true, via: { path: '^src/', pathNot: '^src/$1/' } },
    },
    {
      name: 'no-orphans',
      comment: 'a file that imports nothing and that nothing imports',
      severity: 'error',
      from: { path: '^src/', orphan: true, pathNot: '^src/vfs/platform/direct\\.ts$|\\.d\\.ts$' },
      to: {},
    },
    {
      name: 'no-test-import',
      comment: 'src/ knows nothing of its tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|examples|tools)/' },
    },
    {
      name: 'no-unresolvable',
      comment: 'an import that leads nowhere',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: '^node_modules/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
    },
  },
};
