import { ESLint } from 'eslint';
import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import {
  findCycles,
  findGlobalState,
  findMissingCacheFiles,
  findTooManyFiles,
  findUndocumentedCaches,
  findUndocumentedSettings,
  findWideLines,
} from './check-rules';
import { readSettings, withTables } from './configuration-docs';
import { findMessageUsage } from './message-usage';

const sources = (files: Record<string, string>) => new Map(Object.entries(files));

describe('check-rules', () => {
  it('reports a line over 120 columns', () => {
    expect(findWideLines(sources({ 'app/page.tsx': `a\n${'x'.repeat(121)}` }))).toEqual([
      'app/page.tsx:2: 121 columns; a line has at most 120.',
    ]);
    expect(findWideLines(sources({ 'app/page.tsx': 'ジョ'.repeat(60) }))).toEqual([]);
  });

  it('reports globalThis in lib outside of process-state.ts', () => {
    const text = 'globalThis.pool = 1;';
    expect(findGlobalState(sources({ 'lib/db/pool.ts': text }))).toHaveLength(1);
    expect(findGlobalState(sources({ 'lib/core/process-state.ts': text }))).toEqual([]);
    expect(findGlobalState(sources({ 'lib/db/pool.test.ts': text }))).toEqual([]);
  });

  it('reports more than 145 files in lib, tests not counted', () => {
    const files = Array.from({ length: 145 }, (_, n) => [`lib/jobs/file-${n}.ts`, '']);
    const withTest = new Map([...files, ['lib/jobs/a.test.ts', '']] as [string, string][]);
    expect(findTooManyFiles(withTest)).toEqual([]);
    expect(findTooManyFiles(withTest.set('lib/jobs/one-more.ts', ''))).toHaveLength(1);
  });

  it('reports an import cycle, but not one of type imports or dynamic imports', () => {
    const second = "export { b } from '@/lib/a';";
    const cycleWith = (first: string) =>
      findCycles(sources({ 'lib/a.ts': first, 'lib/b.ts': second }));
    expect(cycleWith("import { b } from './b';")).toEqual([
      'Import cycle: lib/a.ts -> lib/b.ts -> lib/a.ts',
    ]);
    expect(cycleWith("import type { B } from './b';")).toEqual([]);
    expect(cycleWith("import { type B } from './b';")).toEqual([]);
    expect(cycleWith("const b = import('./b');")).toEqual([]);
  });

  it('reports a cache that docs/caching.md does not list with its file', () => {
    const code = sources({ 'lib/jobs/counts.ts': "new ProcessCache<{ n: 1 }>('counts', {});" });
    expect(findUndocumentedCaches(code, '| `counts` | `lib/jobs/counts.ts` | x |')).toEqual([]);
    expect(findUndocumentedCaches(code, '| `counts` | `lib/jobs/list.ts` | x |')).toHaveLength(1);
    expect(findUndocumentedCaches(code, '')).toHaveLength(1);
  });

  it('reports process state that docs/caching.md does not list', () => {
    const code = sources({ 'lib/http/status.ts': "processState('response', () => new Map());" });
    expect(findUndocumentedCaches(code, '')).toHaveLength(1);
  });

  it('reports a documented cache whose name or file does not exist', () => {
    const docs = '| `counts` | `lib/jobs/counts.ts` | x |';
    expect(findUndocumentedCaches(sources({}), docs)).toHaveLength(1);
    expect(findMissingCacheFiles(sources({}), docs)).toHaveLength(1);
  });

  it('reports an LRUCache that is not a ProcessCache', () => {
    const code = sources({ 'lib/jobs/list.ts': 'const rows = new LRUCache({ max: 10 });' });
    expect(findUndocumentedCaches(code, '')).toHaveLength(1);
  });

  it('reports an environment variable that docs/configuration.md does not name', () => {
    const code = sources({ 'server/main.ts': 'process.env.SPEED; process.env.NODE_ENV;' });
    expect(findUndocumentedSettings(code, '| `SPEED` | how fast | |')).toEqual([]);
    expect(findUndocumentedSettings(code, '')).toEqual([
      'server/main.ts: docs/configuration.md does not document SPEED.',
    ]);
  });
});

describe('configuration docs', () => {
  const page = '<!-- settings: PORT -->\n<!-- end of settings -->';
  const port = { meaning: 'port to listen on', defaultText: '`3000`' };

  it('the configuration tables have the description and default of each setting', () => {
    expect(withTables(page, new Map([['PORT', port]]))).toContain(
      '| `PORT` | port to listen on | `3000` |',
    );
    expect(readSettings().get('PORT')).toEqual(port);
    expect(readSettings().get('DATABASE_URL')?.defaultText).toBe('required');
  });

  it('rejects a setting without a table or without a description', () => {
    expect(() => withTables('', new Map([['PORT', port]]))).toThrow('No table');
    expect(() => withTables(page, new Map([['PORT', { ...port, meaning: undefined }]]))).toThrow(
      'no description',
    );
  });

  it('every setting has a description', () => {
    const page = readFileSync('docs/configuration.md', 'utf8');
    expect(() => withTables(page, readSettings())).not.toThrow();
  });
});

describe('findMessageUsage', () => {
  const translator = `
    type Keys = { '': 'jobs.title' | 'states.queued'; states: 'queued' | 'running' };
    type Translator<N extends keyof Keys> = {
      <K extends Keys[N]>(key: K): string;
      has(key: string): boolean; markup(): void; raw(): void;
      rich<K extends Keys[N]>(key: K): string;
    };
    declare function useTranslations<N extends keyof Keys = ''>(namespace?: N): Translator<N>;
  `;
  const usageOf = (code: string) => {
    const options = { target: ts.ScriptTarget.ES2022, strict: true, types: [] };
    const host = ts.createCompilerHost(options);
    const readDefault = host.getSourceFile.bind(host);
    host.getSourceFile = (name, target) =>
      name === 'page.ts'
        ? ts.createSourceFile(name, translator + code, target, true)
        : readDefault(name, target);
    const usage = findMessageUsage(ts.createProgram(['page.ts'], options, host));
    return { keys: [...usage.keys].sort(), groups: [...usage.groups], problems: usage.problems };
  };

  it('findMessageUsage counts a key only in its namespace', () => {
    expect(usageOf("const t = useTranslations('states'); t('queued');").keys).toEqual([
      'states.queued',
    ]);
    expect(usageOf("useTranslations()('jobs.title');").keys).toEqual(['jobs.title']);
    expect(usageOf("const t = useTranslations(); t.rich('jobs.title');").keys).toEqual([
      'jobs.title',
    ]);
  });

  it('findMessageUsage resolves a dynamic key to all possible keys', () => {
    const code = `
      const t = useTranslations('states');
      const name = (state: 'queued' | 'running') => t(state);
    `;
    expect(usageOf(code).keys).toEqual(['states.queued', 'states.running']);
  });

  it('findMessageUsage counts all message groups in a file as used if a key is untyped', () => {
    const code = 'const t = useTranslations(); const f = (x: string) => t(`states.${x}` as never);';
    expect(usageOf(code).groups).toContain('states');
  });

  it('reports a translator of an unknown namespace', () => {
    const code = "const f = (t: Translator<'states'>) => t('queued');";
    expect(usageOf(code).problems).toHaveLength(1);
  });
});

describe('eslint.config.mjs', () => {
  const eslint = new ESLint();
  const lint = async (code: string, filePath = 'lib/jobs/example.ts') => {
    const [result] = await eslint.lintText(code, { filePath });
    return result?.messages.map(({ ruleId }) => ruleId) ?? [];
  };

  it.each([
    ['a variable', 'export const keptRows = 1;'],
    ['a constant', 'export const MAX_LOOKED_AT = 1;'],
    ['a function', 'export function settleFilter() {}'],
    ['a parameter', 'export const f = (given: string) => given;'],
    ['a property of an interface', 'export interface Row { told: string }'],
    ['a type', 'export type Visit = string;'],
    ['a function of two words', 'export function carryOutRetry() {}'],
    ['a renamed import', "import { rows as found } from './rows';\nexport const n = found;"],
  ])('rejects a banned word in the name of %s', async (_, code) =>
    expect(await lint(code)).toEqual(['project/banned-words']),
  );

  it.each([
    ['an exception of the glossary', 'export const notFound = 1;'],
    ['a part of another word', 'export const doorbell = 1;'],
    [
      'a name that another module declares',
      "import { door } from 'doors';\nexport const n = door;",
    ],
  ])('banned-words accepts %s', async (_, code) => expect(await lint(code)).toEqual([]));

  const sql = (text: string) => `const sql = String.raw;\nexport const query = sql\`${text}\`;`;
  const lintSql = async (text: string) =>
    (await lint(sql(text))).filter((rule) => rule === 'project/sql-layout');

  it.each([
    ['two clauses on a line', '\n  SELECT id FROM jobs\n  WHERE id = 1\n'],
    ['two clauses in a subquery of several lines', '\n  SELECT (\n    SELECT 1 FROM a\n  )\n'],
    ['a lower-case keyword', '\n  SELECT id\n    from jobs\n'],
    ['a line over 100 columns', `\n  SELECT ${'x'.repeat(100)}\n`],
  ])('rejects SQL with %s', async (_, text) => expect(await lintSql(text)).toHaveLength(1));

  it.each([
    ['one clause per line', '\n  SELECT id\n    FROM jobs\n   WHERE id = 1\n   LIMIT 1\n'],
    ['a short subquery', '\n  SELECT id\n   WHERE EXISTS (SELECT 1 FROM jobs WHERE id = 1)\n'],
    ['a template of one line', 'SELECT id FROM jobs WHERE id = 1'],
    ['keywords in literals and comments', "\n  SELECT 'a FROM b' -- where WHERE FROM\n"],
    ['IS DISTINCT FROM', '\n  SELECT id\n   WHERE a IS DISTINCT FROM b\n'],
  ])('accepts SQL with %s', async (_, text) => expect(await lintSql(text)).toEqual([]));

  it('rejects a nested ternary', async () =>
    expect(
      await lint('export const f = (a: 1 | 2 | 3) => (a === 1 ? 1 : a === 2 ? 2 : 3);'),
    ).toEqual(['no-nested-ternary']));

  it('rejects a function over 60 lines', async () => {
    const code = (lines: number) => `export function f() {${'\n'.repeat(lines - 1)}}`;
    expect(await lint(code(61))).toEqual(['max-lines-per-function']);
    expect(await lint(code(60))).toEqual([]);
  });
});
