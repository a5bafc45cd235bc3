import next from 'eslint-config-next/core-web-vitals';
import typescript from 'eslint-config-next/typescript';

/*
 * The house's rules: imports go one way (app -> components -> lib), each thing has one home. `from` may not be
 * imported by `target`.
 */
const DOMAINS = [
  'jobs',
  'batches',
  'cron',
  'queues',
  'processes',
  'pauses',
  'failures',
  'performance',
  'attention',
];

const zones = [
  {
    target: './lib',
    from: ['./app', './components', './server', './scripts', './test', './e2e'],
    message: 'lib is what everything stands on: it imports no page, component or script.',
  },
  {
    target: './components',
    from: ['./app', './server', './scripts', './test', './e2e', './lib/db'],
    message: 'Components get rows; they do not reach for the database.',
  },
  {
    target: './app',
    from: ['./lib/db', './server', './scripts', './test', './e2e'],
    message: 'A page calls a query; only lib/ctx.ts opens the database.',
  },
  {
    target: './components/ui',
    from: ['./components', './lib', './messages'],
    except: ['./ui'],
    message: 'ui holds primitives: no domain, no strings, no fetching.',
  },
  {
    target: './lib/good-job',
    from: './lib',
    except: ['./good-job', './core', './db/types.ts', './db/text-limit.ts', './db/name-limit.ts'],
    message: "GoodJob's rules know the database's types and themselves.",
  },
  {
    target: './lib/db',
    from: './lib',
    except: ['./db', './errors.ts'],
    message: 'The database layer knows nothing of what is asked of it.',
  },
  { target: './lib/auth', from: './lib/db', message: 'lib/ctx.ts joins identity and database.' },
  // bulk acts on jobs and attention repairs: they do it by the others' own functions.
  ...DOMAINS.map((domain) => ({
    target: DOMAINS.filter((other) => other !== domain && other !== 'attention').map(
      (other) => `./lib/${other}`,
    ),
    from: `./lib/${domain}`,
    except: ['./types.ts'],
    message: "A domain takes another domain's types.ts only.",
  })),
  {
    target: ['./app', './components', './lib', './server', './test', './e2e'],
    from: './scripts',
    message: 'Nothing imports scripts.',
  },
];

const config = [
  { ignores: ['.next/**', '.cache/**', 'node_modules/**', 'next-env.d.ts', 'test-results/**'] },
  ...next,
  ...typescript,
  {
    settings: { 'import/resolver': { typescript: { project: './tsconfig.json' } } },
    rules: {
      'import/no-restricted-paths': ['error', { zones }],
      'import/no-cycle': ['error', { maxDepth: 8 }],
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
  // A test sits beside its file and may reach for the harness and for the door above.
  { files: ['**/*.test.ts'], rules: { 'import/no-restricted-paths': 'off' } },
  {
    files: ['test/**', 'scripts/**', 'server/**', 'e2e/**'],
    rules: { 'react-hooks/rules-of-hooks': 'off' },
  },
];

export default config;
