import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { insertBatch } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { type Cursor, cursorParams } from '../core/search-params';
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

/** Each job a second after the one before, or all at once. */
async function largeBatch(step: '1 second' | '0 seconds', age = '1 day'): Promise<string> {
  const batch = await insertBatch(console_.client);
  await console_.client.query(
    `INSERT INTO good_jobs (id, active_job_id, queue_name, priority, serialized_params, job_class, scheduled_at, performed_at, finished_at, created_at, updated_at, batch_id, executions_count, error)
     SELECT id, id, 'default', 0, '{}', CASE WHEN n % 3 = 0 THEN 'ThirdJob' ELSE 'OtherJob' END, at, at, at, at, at, $1, 1, CASE WHEN n % 50 = 0 THEN 'E: x' END
       FROM (SELECT gen_random_uuid() AS id, n, now() - $4::interval + n * $3::interval AS at FROM generate_series(1, $2::int) n) s`,
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
  it('are those of all its members, whatever has happened since they were looked at', async () => {
    const batch = await largeBatch(step, age);
    const start = await members(batch);
    const cursors = [
      null,
      ...[24, 3_000].map((n): Cursor => ({ direction: 'after', id: start[n] ?? '', at: null })),
      { direction: 'before', id: start[4_000] ?? '', at: null } as const,
    ];
    const check = async (what: string) => {
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
            // The cursor's row may be none of these: what is on its one side of all members.
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
    await check('at first');
    await check('again');
    const somewhere = start.filter((_, n) => n > 100 && n % 700 === 0 && n !== 3_000);
    const set = (columns: string) =>
      `UPDATE good_jobs SET updated_at = now(), ${columns} WHERE id = $1`;
    const DESTROY = 'DELETE FROM good_jobs WHERE id = $1';
    const changes: [what: string, text: string, id: string | undefined][] = [
      ['one elsewhere is retried', set('scheduled_at = now(), finished_at = NULL'), somewhere[0]],
      [
        'one on the first page is to run in three days',
        set("scheduled_at = now() + interval '3 days', finished_at = NULL"),
        start[3],
      ],
      ['one elsewhere is discarded', set("error = 'E: x', finished_at = now()"), somewhere[2]],
      ['the one that was retried succeeds', set('error = NULL, finished_at = now()'), somewhere[0]],
      ['one on the first page is destroyed', DESTROY, start[5]],
      ['one elsewhere is destroyed', DESTROY, somewhere[1]],
      [
        'four have joined',
        `INSERT INTO good_jobs (active_job_id, queue_name, job_class, serialized_params, batch_id, created_at, updated_at, scheduled_at) SELECT gen_random_uuid(), 'default', 'ThirdJob', '{}', $1, now() - n * interval '1 minute', now(), now() FROM generate_series(0, 3) n`,
        batch,
      ],
      [
        'the one that was to run in three days is to run now',
        set('scheduled_at = now()'),
        start[3],
      ],
      [
        'those that had joined are gone',
        `DELETE FROM good_jobs WHERE batch_id = $1 AND created_at > now() - interval '1 hour'`,
        batch,
      ],
    ];
    for (const [what, text, id] of changes) {
      await console_.client.query(text, [id]);
      await check(what);
    }
  });
});

it('reads all members again after five minutes: a job with times of long ago is on its page by then', async () => {
  const batch = await largeBatch('1 second');
  const before = await listed(batch, '');
  const late = (
    await console_.client.query<{ id: string }>(
      `INSERT INTO good_jobs (active_job_id, queue_name, serialized_params, batch_id, created_at, updated_at, scheduled_at) SELECT gen_random_uuid(), 'default', '{}', $1, at, at, at FROM (SELECT max(created_at) + interval '1 minute' AS at FROM good_jobs WHERE batch_id = $1) s RETURNING id`,
      [batch],
    )
  ).rows[0];
  // That it is not seen yet shows that the page was not made of all members once more.
  expect((await listed(batch, '')).ids).toEqual(before.ids);
  const now = Date.now();
  const clock = vi.spyOn(Date, 'now').mockReturnValue(now + 5 * 60_000 + 1);
  try {
    expect((await listed(batch, '')).ids).toEqual([late?.id, ...before.ids.slice(0, -1)]);
  } finally {
    clock.mockRestore();
  }
});
