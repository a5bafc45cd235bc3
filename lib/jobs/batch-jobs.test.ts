import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insertBatch } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { type Cursor, cursorParams } from '../core/urls';
import { listBatchJobs } from './batch-jobs';
import { parseJobFilter } from './filters';

let console_: TestConsole;
const MEMBERS = 5_200;
const LIMIT = 25;
const ORDER = 'created_at DESC, coalesce(scheduled_at, created_at) DESC, id';

beforeAll(async () => {
  console_ = await TestConsole.open('batch_jobs');
});
afterAll(() => console_.close());

/** Inserts a batch whose jobs are created one second apart, or all at the same time. */
async function largeBatch(step: '1 second' | '0 seconds', age = '1 day'): Promise<string> {
  const batch = await insertBatch(console_.client);
  await console_.client.query(
    `INSERT INTO good_jobs (id, active_job_id, queue_name, priority, serialized_params, job_class,
      scheduled_at, performed_at, finished_at, created_at, updated_at, batch_id, executions_count,
      error)
     SELECT id, id, 'default', 0, '{}', CASE WHEN n % 3 = 0 THEN 'ThirdJob' ELSE 'OtherJob' END,
            at, at, at, at, at, $1, 1, CASE WHEN n % 50 = 0 THEN 'E: x' END
       FROM (SELECT gen_random_uuid() AS id, n, now() - $4::interval + n * $3::interval AS at
               FROM generate_series(1, $2::int) n) s`,
    [batch, MEMBERS, step, age],
  );
  await console_.client.query('VACUUM ANALYZE good_jobs');
  return batch;
}

async function listed(
  batch: string,
  query: string,
  cursor: Cursor | null = null,
): Promise<{ ids: string[]; next: Cursor | null }> {
  const page = await listBatchJobs(
    console_.ctx(),
    batch,
    parseJobFilter(
      new URLSearchParams({
        ...Object.fromEntries(new URLSearchParams(query)),
        ...(cursor ? cursorParams(cursor) : {}),
      }),
    ),
  );
  return { ids: page.rows.map(({ id }) => id), next: page.next };
}

async function members(batch: string, where = 'true'): Promise<string[]> {
  return (
    await console_.client.query<{ id: string }>(
      `SELECT id FROM good_jobs WHERE batch_id = $1 AND ${where} ORDER BY ${ORDER}`,
      [batch],
    )
  ).rows.map(({ id }) => id);
}

describe.each([
  ['1 second', '1 day'],
  ['0 seconds', '1 day'],
  ['0 seconds', '1 minute'],
] as const)('pages of a large batch whose jobs are %s apart, after %s', (step, age) => {
  it('lists the same jobs of a batch as a scan of all members, after any change', async () => {
    const batch = await largeBatch(step, age);
    const start = await members(batch);
    const cursors = [
      null,
      ...[24, 3_000].map((n): Cursor => ({ direction: 'after', id: start[n] ?? '', at: null })),
      { direction: 'before', id: start[4_000] ?? '', at: null } as const,
    ];
    const expectPages = async (what: string) => {
      for (const [query, where] of [
        ['', 'true'],
        ['job_class=ThirdJob', "job_class = 'ThirdJob'"],
        ['state=succeeded', 'finished_at IS NOT NULL AND error IS NULL'],
        ['state=discarded', 'finished_at IS NOT NULL AND error IS NOT NULL'],
      ] as const)
        for (const cursor of cursors) {
          const all = await members(batch, where);
          let expected = all.slice(0, LIMIT);
          if (cursor) {
            // The cursor's row may not match the filter, so its position is looked up among all
            // members.
            const every = await members(batch);
            const at = every.indexOf(cursor.id);
            const beside = new Set(
              cursor.direction === 'after' ? every.slice(at + 1) : every.slice(0, at),
            );
            const side = all.filter((id) => beside.has(id));
            expected = cursor.direction === 'after' ? side.slice(0, LIMIT) : side.slice(-LIMIT);
          }
          expect(
            (await listed(batch, query, cursor)).ids,
            `${what}: ${query} ${JSON.stringify(cursor)}`,
          ).toEqual(expected);
        }
    };
    await expectPages('at first');
    const later = start.filter((_, n) => n > 100 && n % 700 === 0 && n !== 3_000);
    const set = (columns: string) =>
      `UPDATE good_jobs SET updated_at = now(), ${columns} WHERE id = $1`;
    const DESTROY = 'DELETE FROM good_jobs WHERE id = $1';
    const changes: [what: string, text: string, id: string | undefined][] = [
      [
        'a job of a later page is retried',
        set('scheduled_at = now(), finished_at = NULL'),
        later[0],
      ],
      [
        'a job of the first page is rescheduled by three days',
        set("scheduled_at = now() + interval '3 days', finished_at = NULL"),
        start[3],
      ],
      ['a job of a later page is discarded', set("error = 'E: x', finished_at = now()"), later[2]],
      ['the retried job succeeds', set('error = NULL, finished_at = now()'), later[0]],
      ['a job of the first page is destroyed', DESTROY, start[5]],
      ['a job of a later page is destroyed', DESTROY, later[1]],
      [
        'four members are added',
        `INSERT INTO good_jobs (active_job_id, queue_name, job_class, serialized_params, batch_id,
                                created_at, updated_at, scheduled_at)
         SELECT gen_random_uuid(), 'default', 'ThirdJob', '{}', $1,
                now() - n * interval '1 minute', now(), now()
           FROM generate_series(0, 3) n`,
        batch,
      ],
      ['the rescheduled job is due now', set('scheduled_at = now()'), start[3]],
      [
        'a member is added with the times of the oldest',
        `INSERT INTO good_jobs (active_job_id, queue_name, serialized_params, batch_id, created_at,
                                updated_at, scheduled_at)
         SELECT gen_random_uuid(), 'default', '{}', $1, at, at, at
           FROM (SELECT min(created_at) AS at FROM good_jobs WHERE batch_id = $1) s`,
        batch,
      ],
      [
        'the new members are deleted',
        `DELETE FROM good_jobs WHERE batch_id = $1 AND created_at > now() - interval '1 hour'`,
        batch,
      ],
    ];
    for (const [what, text, id] of changes) {
      await console_.client.query(text, [id]);
      await expectPages(what);
    }
  });
});
