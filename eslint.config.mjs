import next from 'eslint-config-next/core-web-vitals';
import typescript from 'eslint-config-next/typescript';
import { readFileSync } from 'node:fs';
import bannedWords, { readBannedWords } from './scripts/eslint/banned-words.mjs';
import sqlLayout from './scripts/eslint/sql-layout.mjs';

/*
 * Imports go one way: app -> components -> lib, and inside lib downward in the order of LAYERS. A
 * domain takes another domain's types.ts only; COMPOSERS call the exported functions of other
 * domains. `target` may not import `from`.
 */
const LAYERS = [
  'core',
  'config',
  'db',
  'auth',
  'redaction',
  'good-job',
  'audit',
  'console-schema',
  'context',
  'sessions',
  'http',
  'search',
  'failures',
];
const DOMAINS = ['jobs', 'batches', 'cron', 'queues', 'processes', 'pauses', 'performance'];
const COMPOSERS = ['bulk', 'attention', 'audit-log', 'navigation', 'metrics', 'overview'];

const inLib = (folders) => folders.map((folder) => `./lib/${folder}`);

const zones = [
  {
    target: './lib',
    from: ['./app', './components', './server', './scripts', './test', './e2e'],
    message: 'lib is the lowest layer: it imports no page, component or script.',
  },
  {
    target: './components',
    from: ['./app', './server', './scripts', './test', './e2e', './lib/db'],
    message: 'Components get rows; they do not query the database.',
  },
  {
    target: './app',
    from: ['./lib/db', './server', './scripts', './test', './e2e'],
    message: 'A page calls a query; only lib/context opens the database.',
  },
  {
    target: './components/ui',
    from: ['./components', './lib', './messages'],
    except: ['./ui'],
    message: 'ui holds primitives: no domain, no strings, no fetching.',
  },
  ...LAYERS.map((layer, n) => ({
    target: `./lib/${layer}`,
    from: inLib([...LAYERS.slice(n + 1), ...DOMAINS, ...COMPOSERS]),
    message: 'Imports in lib go downward; the order of the layers is in eslint.config.mjs.',
  })),
  ...DOMAINS.map((domain) => ({
    target: inLib(DOMAINS.filter((other) => other !== domain)),
    from: `./lib/${domain}`,
    except: ['./types.ts'],
    message: "A domain takes another domain's types.ts only.",
  })),
  ...COMPOSERS.map((composer) => ({
    target: inLib(DOMAINS),
    from: `./lib/${composer}`,
    except: ['./types.ts'],
    message: 'A domain does not import what composes domains.',
  })),
  {
    target: ['./app', './components', './lib', './server', './test', './e2e'],
    from: './scripts',
    message: 'Nothing imports scripts.',
  },
];

const readText = (file) => readFileSync(new URL(file, import.meta.url), 'utf8');

/** The project's own rules; their text is a part of ESLint's cache key. */
const project = {
  meta: {
    name: 'project',
    version: ['banned-words', 'sql-layout']
      .map((name) => readText(`scripts/eslint/${name}.mjs`))
      .join(''),
  },
  rules: { 'banned-words': bannedWords, 'sql-layout': sqlLayout },
};

const config = [
  { ignores: ['.next/**', '.cache/**', 'node_modules/**', 'next-env.d.ts', 'test-results/**'] },
  ...next,
  ...typescript,
  {
    settings: { 'import/resolver': { typescript: { project: './tsconfig.json' } } },
    plugins: { project },
    rules: {
      'project/banned-words': ['error', readBannedWords(readText('docs/glossary.md'))],
      'project/sql-layout': 'error',
      'no-nested-ternary': 'error',
      'import/no-restricted-paths': ['error', { zones }],
      'import/order': [
        'error',
        {
          groups: [['builtin', 'external'], 'internal', 'parent', 'sibling', 'index'],
          'newlines-between': 'never',
          alphabetize: { order: 'asc', caseInsensitive: true },
        },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      'react/no-danger': 'error',
      'react/forbid-component-props': ['error', { forbid: ['style'] }],
      'react/forbid-dom-props': ['error', { forbid: ['style'] }],
      'no-restricted-imports': [
        'error',
        { paths: [{ name: 'pg', message: 'Only lib/db imports pg.' }] },
      ],
    },
  },
  {
    files: ['lib/db/**', 'test/**', 'scripts/**', 'e2e/**', '**/*.test.ts'],
    rules: { 'no-restricted-imports': 'off' },
  },
  {
    files: ['lib/**', 'server/**', 'scripts/**'],
    ignores: ['**/*.test.ts'],
    rules: { 'max-lines-per-function': ['error', { max: 60 }] },
  },
  {
    files: ['components/ui/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: ['pg', 'next-intl', 'next/*', '@tanstack/*'],
              message: 'ui holds primitives: no domain, no strings, no fetching.',
            },
          ],
        },
      ],
    },
  },
  // A test sits beside its file and may import the harness and the gateway.
  { files: ['**/*.test.ts'], rules: { 'import/no-restricted-paths': 'off' } },
  {
    files: ['test/**', 'scripts/**', 'server/**', 'e2e/**'],
    rules: { 'react-hooks/rules-of-hooks': 'off' },
  },
];

export default config;
