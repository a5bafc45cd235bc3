import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import {
  type GoodJobDatabase,
  goodJobDatabase,
  loadGjReal,
  loadSourceBatch,
} from './good-job-database';

const opened: { database: GoodJobDatabase; client: pg.Client }[] = [];
afterAll(async () => {
  for (const { database, client } of opened) {
    await client.end();
    await database.drop();
  }
});

async function open(
  name: string,
  options?: Parameters<typeof goodJobDatabase>[1],
): Promise<{ database: GoodJobDatabase; client: pg.Client }> {
  const database = await goodJobDatabase(name, options);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  opened.push({ database, client });
  return { database, client };
}

/** The rows of a table as text, exactly as in the dump. */
function dumpRows(table: string): { columns: string[]; rows: string[][] } {
  const lines = gunzipSync(dump).toString('utf8').split('\n');
  const first = lines.findIndex((line) => line.startsWith(`COPY public.${table} `));
  const columnList = /\((.*)\)/.exec(lines[first] ?? '')?.[1];
  if (columnList === undefined) throw new Error(`The dump has no table ${table}.`);
  const end = lines.indexOf('\\.', first);
  return {
    columns: columnList.split(', '),
    rows: lines.slice(first + 1, end).map((line) => line.split('\t')),
  };
}
const dump = await readFile(new URL('../fixtures/gj_real.sql.gz', import.meta.url));

/** The escapes of COPY, implemented independently of the code under test. */
function escapeCopyText(value: string | null): string {
  if (value === null) return '\\N';
  return value
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t');
}

describe('goodJobDatabase', () => {
  test('goodJobDatabase creates the tables of GoodJob 4.19.2 and runs the given SQL', async () => {
    const { client } = await open('schema', {
      sql: [`ALTER TABLE good_jobs DROP COLUMN lock_type`],
    });
    const { rows } = await client.query(
      `SELECT table_name, count(*)::int AS columns
       FROM information_schema.columns
       WHERE table_schema = 'public'
       GROUP BY 1
       ORDER BY 1`,
    );
    expect(rows).toEqual([
      { table_name: 'good_job_batches', columns: 14 },
      { table_name: 'good_job_executions', columns: 14 },
      { table_name: 'good_job_processes', columns: 5 },
      { table_name: 'good_job_settings', columns: 5 },
      { table_name: 'good_jobs', columns: 24 },
    ]);
  });

  test('goodJobDatabase creates the tables in a schema of any name', async () => {
    const schema = 'Jobs "$&" background';
    const { client, database } = await open('other schema', {
      schema,
      sql: [
        `INSERT INTO good_job_settings (created_at, updated_at, key) VALUES (now(), now(), 'x')`,
      ],
    });
    await loadSourceBatch(database.url, schema);
    await loadGjReal(database.url, schema);
    const { rows } = await client.query(
      `SELECT count(*)::int AS tables FROM pg_tables WHERE schemaname = $1`,
      [schema],
    );
    expect(rows).toEqual([{ tables: 5 }]);
    const settings = await client.query(
      `SELECT count(*)::int AS n FROM ${pg.escapeIdentifier(schema)}.good_job_settings`,
    );
    expect(settings.rows).toEqual([{ n: 1 + dumpRows('good_job_settings').rows.length }]);
  });

  test('goodJobDatabase drops its database when a statement fails', async () => {
    await expect(
      goodJobDatabase('broken', { sql: ['SELECT nothing_of_that_name'] }),
    ).rejects.toThrow('nothing_of_that_name');
  });
});

test('loadSourceBatch inserts the rows behind the recorded batch page', async () => {
  const { client, database } = await open('source batch');
  await loadSourceBatch(database.url);
  const { rows: batches } = await client.query(
    `SELECT description, on_finish, created_at::text, serialized_properties
     FROM public.good_job_batches`,
  );
  expect(batches).toEqual([
    {
      description: 'Example batch',
      on_finish: 'ExampleJob::BatchJob::CallbackJob',
      created_at: '2025-09-16 20:23:30',
      serialized_properties: { foo: 'bar', _aj_symbol_keys: ['foo'] },
    },
  ]);
  const { rows: jobs } = await client.query(
    `SELECT job_class, labels, executions_count, finished_at::text, lock_type,
       serialized_params->'arguments' AS arguments
     FROM public.good_jobs
     ORDER BY id`,
  );
  expect(jobs).toHaveLength(4);
  expect(jobs[1]).toEqual({
    job_class: 'ExampleJob',
    labels: ['error_once'],
    executions_count: 2,
    finished_at: '2025-09-16 20:23:33',
    lock_type: null,
    arguments: ['error_once'],
  });
});

describe('loadGjReal', () => {
  test('loadGjReal loads every value exactly', async () => {
    const { client, database } = await open('gj real');
    const startedAt = Date.now();
    await loadGjReal(database.url);
    expect(Date.now() - startedAt).toBeLessThan(20_000);
    for (const [table, count] of Object.entries({
      good_job_batches: 57,
      good_job_executions: 6940,
      good_job_processes: 4,
      good_job_settings: 2,
      good_jobs: 6628,
    })) {
      const { columns, rows } = dumpRows(table);
      expect(rows).toHaveLength(count);
      const texts = await client.query({
        text: `SELECT ${columns.map((column) => `${column}::text`).join(', ')}
               FROM public.${table}
               ORDER BY id`,
        rowMode: 'array',
      });
      const actual = (texts.rows as (string | null)[][]).map((row) =>
        row.map(escapeCopyText).join('\t'),
      );
      const expected = rows
        .sort(([a = ''], [b = '']) => (a < b ? -1 : 1))
        .map((row) => row.join('\t'));
      expect(actual.filter((row, index) => row !== expected[index])).toEqual([]);
      expect(actual).toHaveLength(expected.length);
    }
    // The fixture must contain the values that are hard to load.
    const { rows } = await client.query(
      `SELECT
         (SELECT count(*)::int
          FROM public.good_jobs
          WHERE serialized_params::text ~ '[ぁ-んァ-ン一-龯]') AS japanese,
         (SELECT count(*)::int
          FROM public.good_jobs
          WHERE position(E'\\\\' IN serialized_params::text) > 0) AS backslashes,
         (SELECT count(*)::int
          FROM public.good_job_executions
          WHERE position(E'\\n' IN error) > 0) AS line_breaks`,
    );
    expect(rows).toEqual([{ japanese: 2096, backslashes: 38, line_breaks: 30 }]);
    const job = await client.query(
      `SELECT queue_name, serialized_params->'arguments'->>0 AS argument, labels
       FROM public.good_jobs
       WHERE id = '1469dcc0-89fc-4c31-a978-54ff371177ed'`,
    );
    expect(job.rows).toEqual([
      {
        queue_name: '日本語キュー',
        argument: 'line1\nline2\ttab\r\n\\backslash "quotes"',
        labels: null,
      },
    ]);
    const execution = await client.query(
      `SELECT error
       FROM public.good_job_executions
       WHERE id = '624355f2-1d98-4157-9eb7-5c582dd4563e'`,
    );
    expect(execution.rows).toEqual([{ error: 'FlakyJob::Timeout: 複数行の\nエラー\nメッセージ' }]);
  });
});
