import { afterAll, beforeAll, expect, it } from 'vitest';
import { insertJob, serializedParams } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { parseJobFilter } from '../jobs/filters';
import { listJobs } from '../jobs/list';

const EXTENSION = 'CREATE EXTENSION pg_trgm';
const INDEXES = [
  `CREATE INDEX ON good_jobs USING gin (error gin_trgm_ops)`,
  `CREATE INDEX ON good_jobs USING gin (((serialized_params -> 'arguments')::text) gin_trgm_ops)`,
  `CREATE INDEX ON good_jobs USING gin ((serialized_params -> 'arguments') jsonb_path_ops)`,
];
let plain: TestConsole;
let indexed: TestConsole;
const jobIds: Record<string, string> = {};

beforeAll(async () => {
  plain = await TestConsole.open('jobs_no_text_indexes');
  indexed = await TestConsole.open('jobs_text_indexes', { sql: [EXTENSION, ...INDEXES] });
  for (const { client } of [plain, indexed]) {
    const add = async (name: string, args: string, columns = {}) => {
      const names = Object.keys(jobIds);
      const number = names.includes(name) ? names.indexOf(name) : names.length;
      const id = `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
      jobIds[name] = await insertJob(client, {
        id,
        serialized_params: serializedParams(id).replace('"arguments":[]', `"arguments":${args}`),
        created_at: '2026-11-01T00:00:00Z',
        ...columns,
      });
    };
    await add('japanese', '[{"note": "請求書の送付"}]');
    await add('number', '[{"invoice_id": 12345678901234567890, "0": ["x"]}]');
    await add('gid', '[{"user": {"_aj_globalid": "gid://app/User/1"}}]');
    await add('error', '[]', { error: 'Net::ReadTimeout: 接続' });
    await add('class', '[]', { job_class: 'Invoice::SendJob' });
    await add('label', '[]', { labels: ['tenant-請求課'] });
    // Newer jobs that fill the first window.
    for (let n = 0; n < 30; n += 1) await insertJob(client);
  }
});
afterAll(() => Promise.all([plain.close(), indexed.close()]));

const list = (console_: TestConsole, q: string) =>
  listJobs(console_.ctx({ searchBudgetMs: 0 }), parseJobFilter(new URLSearchParams({ q })), {
    firstWindow: 20,
  });

it.each([
  ['請求書', 'japanese'],
  ['error:接続 error:readtimeout', 'error'],
  ['readTIMEOUT', 'error'],
  ['invoice::send', 'class'],
  ['請求課', 'label'],
  ['請求書*送付', 'japanese'],
  ['net*readTIMEOUT', 'error'],
  ['invoice*send', 'class'],
  ['tenant*請求課', 'label'],
  ['args.0.invoice_id:12345678901234567890', 'number'],
  ['args.0.0.0:x', 'number'],
  ['args.0.user:gid://app/User/1', 'gid'],
  ['args.note:請求書の送付', 'japanese'],
])('finds %s by the available indexes', async (q, name) => {
  const page = await list(indexed, q);
  expect(page.rows.map(({ id }) => id)).toEqual([jobIds[name]]);
  expect(page).toMatchObject({
    partial: null,
    hint: null,
    hasNewestLabelsOnly: !q.includes(':') || q.includes('::'),
  });
});
it.each([
  ['請求書', 'index_good_jobs_on_arguments_text'],
  ['error:Timeout', 'index_good_jobs_on_error_text'],
  ['args.0.x:1', 'index_good_jobs_on_arguments '],
])('recommends the missing index for the search %s', async (q, index) => {
  const page = await list(plain, q);
  expect(page.rows).toEqual([]);
  expect(page.partial).toMatchObject({ scanned: 20 });
  expect(page.hint?.sql).toContain(
    `CREATE INDEX CONCURRENTLY ${index.trim()} ON "public".good_jobs USING gin (`,
  );
  // The suggested SQL must be valid.
  const { client } = plain;
  for (const statement of page.hint?.sql.split('\n') ?? [])
    await client.query(statement.replace('CONCURRENTLY ', ''));
});
it('recommends no index for a text of two characters', async () => {
  expect(await list(indexed, '送付')).toMatchObject({ partial: { scanned: 20 }, hint: null });
});
it.each([
  'args.0.invoice_id:1e999999',
  'args.0.invoice_id:-1E+99999',
  'args.0.invoice_id:1e5,12345678901234567890',
])('searches for the huge number %s without an error', async (q) => {
  expect((await list(indexed, q)).rows.map(({ id }) => id)).toEqual(
    q.includes(',') ? [jobIds.number] : [],
  );
});
it('falls back to a scan when counting by an index times out', async () => {
  const { client } = indexed;
  await client.query(`
    INSERT INTO good_jobs (id, active_job_id, job_class, serialized_params, created_at, updated_at,
                           scheduled_at)
    SELECT gen_random_uuid(), gen_random_uuid(), 'X',
           jsonb_build_object('arguments', jsonb_build_array(repeat('長い ', 1000) || 'tail' || n)),
           now(), now(), now()
      FROM generate_series(1, 400) n`);
  const page = await listJobs(
    indexed.ctx({ searchBudgetMs: 0 }),
    parseJobFilter(new URLSearchParams({ q: 'tail' })),
    { firstWindow: 20, selectMs: 1 },
  );
  expect([page.rows.length, page.partial]).toEqual([25, null]);
});
it('does not use a text index when no index lists the class names', async () => {
  const older = await indexed.dropIndexes(['job_class'], { searchBudgetMs: 0 });
  expect(
    await listJobs(older, parseJobFilter(new URLSearchParams({ q: '請求書' })), {
      firstWindow: 20,
    }),
  ).toMatchObject({ rows: [], partial: { scanned: 20 }, hasNewestLabelsOnly: false });
});
