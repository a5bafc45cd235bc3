import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DISCARDED, SUCCEEDED, insertJob, serializedParams } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import type { ExportFormat } from '../http/export-format';
import { exportJobs } from './export';
import { parseJobFilter } from './filters';
import { listJobs } from './list';

let console_: TestConsole;
beforeAll(async () => {
  console_ = await TestConsole.open('export');
});
afterAll(() => console_.close());

const filterOf = (query: string) => parseJobFilter(new URLSearchParams(query));

async function exported(query: string, format: ExportFormat): Promise<string> {
  let text = '';
  for await (const chunk of exportJobs(console_.ctx(), filterOf(query), format)) text += chunk;
  return text;
}

const objects = async (query: string) =>
  (await exported(query, 'ndjson'))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('NDJSON', () => {
  it('an NDJSON export has one line per job with all of its values', async () => {
    const id = '00000000-0000-4000-8000-000000000001';
    await insertJob(console_.client, {
      id,
      ...DISCARDED,
      job_class: '請求Job',
      labels: ['月次', 'a,b'],
      error: 'E: "一"\n二',
      serialized_params: serializedParams(id, { arguments: [] }).replace(
        '"arguments":[]',
        '"arguments":[12345678901234567890, 1.10, {"2":"b","1":"a\\u0009"}]',
      ),
    });
    const text = await exported('q=class:請求Job', 'ndjson');
    expect(text.endsWith('\n')).toBe(true);
    // jsonb sorts object keys and preserves the digits of numbers.
    expect(text).toContain('"arguments":[12345678901234567890,1.10,{"1":"a\\t","2":"b"}]');
    expect(JSON.parse(text)).toMatchObject({
      id,
      state: 'discarded',
      job_class: '請求Job',
      labels: ['月次', 'a,b'],
      error: 'E: "一"\n二',
      error_event: 'unhandled',
      attempts: 1,
      batch_id: null,
      finished_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z$/) as string,
    });
  });

  it('an NDJSON export has every job once in list order for any chunk size', async () => {
    await console_.client.query(`
      INSERT INTO good_jobs (id, active_job_id, queue_name, priority, job_class, serialized_params,
        scheduled_at, created_at, updated_at, finished_at, performed_at)
      SELECT gen_random_uuid(), gen_random_uuid(), 'many', n % 3, 'ManyJob', '{"arguments": []}',
             t, t, t, t, t
        FROM generate_series(1, 1301) n, LATERAL (SELECT now() - (n / 7) * interval '1 s' AS t) s`);
    const ids = (await objects('q=class:ManyJob')).map((job) => job.id);
    expect(ids).toHaveLength(1301);
    expect(new Set(ids).size).toBe(1301);
    const list = await listJobs(console_.ctx(), { ...filterOf('q=class:ManyJob'), limit: 2000 });
    expect(ids).toEqual(list.rows.map((row) => row.id));
  });

  it.each([
    ['state=discarded', { finished_at: null, performed_at: null }],
    ['state=queued', { scheduled_at: '2099-01-01' }],
    ['', { created_at: new Date().toISOString() }],
  ])(
    'an export neither repeats nor skips a job when another job moves in the list: %s',
    async (query, moved) => {
      const class_ = `Moving${query}`;
      await console_.client.query(
        `
      INSERT INTO good_jobs (id, active_job_id, job_class, serialized_params, scheduled_at,
        created_at, updated_at, finished_at, performed_at, error)
      SELECT gen_random_uuid(), gen_random_uuid(), $1, '{"arguments": []}', t, t, t,
             CASE WHEN $2 THEN t END, CASE WHEN $2 THEN t END, 'E: x'
        FROM generate_series(1, 1100) n, LATERAL (SELECT now() - n * interval '1 s' AS t) s`,
        [class_, query === 'state=discarded'],
      );
      const ids: string[] = [];
      let last = '';
      for await (const chunk of exportJobs(
        console_.ctx(),
        filterOf(`${query}&q=class:"${class_}"`),
        'ndjson',
      )) {
        ids.push(
          ...chunk
            .split('\n')
            .filter(Boolean)
            .map((line) => (JSON.parse(line) as { id: string }).id),
        );
        if (last === '') {
          last = ids.at(-1) ?? '';
          const [[column, value]] = Object.entries(moved) as [[string, string | null]];
          await console_.client.query(`UPDATE good_jobs SET ${column} = $2 WHERE id = $1`, [
            last,
            value,
          ]);
        }
        if (ids.length > 2_000) break;
      }
      expect(ids).toHaveLength(1100);
      expect(new Set(ids).size).toBe(1100);
    },
  );

  it('an NDJSON export resumes a search that ended at its time budget', async () => {
    const hit = await insertJob(console_.client, {
      ...SUCCEEDED,
      created_at: '2020-01-01',
      job_class: 'OldJob',
      error: null,
      labels: ['針の山'],
    });
    const ctx = console_.ctx({ searchBudgetMs: 20 });
    let text = '';
    for await (const chunk of exportJobs(ctx, filterOf('q=針の山'), 'ndjson')) text += chunk;
    expect(
      text
        .split('\n')
        .filter(Boolean)
        .map((line) => (JSON.parse(line) as { id: string }).id),
    ).toEqual([hit]);
  });
});

describe('CSV', () => {
  it('a CSV export has a UTF-8 byte order mark, quotes and no formulas', async () => {
    const id = await insertJob(console_.client, {
      ...DISCARDED,
      job_class: '=cmd|/c calc',
      queue_name: '＝SUM(A1)',
      priority: -10,
      labels: ['-1+1', 'b'],
      error: '@x, "y"\n二行目',
      cron_key: ' +1',
    });
    const text = await exported(`q=id:${id}`, 'csv');
    expect(text.startsWith('\ufeffid,state,job_class,')).toBe(true);
    expect(text).toContain(`${id},discarded,'=cmd|/c calc,'＝SUM(A1),-10,"'-1+1, b",1,`);
    expect(text).toContain(`"'@x, ""y""\n二行目",unhandled`);
    expect(text).toContain(`,' +1,`);
  });

  it('a CSV export has only the header when no job matches', async () => {
    expect((await exported('q=class:NoSuchJob', 'csv')).split('\n').filter(Boolean)).toHaveLength(
      1,
    );
  });
});
