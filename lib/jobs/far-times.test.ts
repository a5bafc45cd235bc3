import { afterAll, beforeAll, expect, it } from 'vitest';
import { groupQuery } from '@/components/failures/failure-links';
import { insertJobs } from '@/test/harness/many-rows';
import { insertJob } from '@/test/harness/rows';
import { TestConsole } from '@/test/harness/test-console';
import { type Cursor, cursorParams } from '../core/urls';
import { parseFailureFilter } from '../failures/filters';
import { listFailures } from '../failures/queries';
import { getJob } from './detail';
import { isUnderstood, parseJobFilter } from './filters';
import { listJobs } from './list';
import { buildTimeline } from './timeline';

let console_: TestConsole;
beforeAll(async () => void (console_ = await TestConsole.open('far_times')));
afterAll(() => console_.close());

const FAR = '29999-12-31 23:59:59';

it('pages through jobs that are scheduled for the year 29999', async () => {
  const ids = await insertJobs(console_.client, 25, {
    scheduled_at: `'${FAR}'`,
    performed_at: 'NULL',
    finished_at: 'NULL',
    error: 'NULL',
  });
  const read: string[] = [];
  let cursor: Cursor | null = null;
  do {
    const place = cursor ? cursorParams(cursor) : {};
    const filter = parseJobFilter(
      new URLSearchParams({ state: 'scheduled', limit: '10', ...place }),
    );
    expect(isUnderstood(filter)).toBe(true);
    const page = await listJobs(console_.ctx(), filter);
    read.push(...page.rows.map(({ id }) => id));
    cursor = page.next;
  } while (cursor && read.length < 100);
  expect(read.sort()).toEqual(ids.sort());
});

it('renders the page of a job that is scheduled for the year 29999', async () => {
  const id = await insertJob(console_.client, { scheduled_at: FAR });
  const job = await getJob(console_.ctx(), id);
  expect(job).toMatchObject({ state: 'scheduled', scheduledAt: '29999-12-31T23:59:59.000000Z' });
  expect(job && buildTimeline(job, [])).toMatchObject([{ kind: 'enqueued' }, { kind: 'due' }]);
});

it('links a failure group whose next retry is in the year 29999 to its jobs', async () => {
  const id = await insertJob(console_.client, {
    error: 'RuntimeError: far',
    scheduled_at: FAR,
    executions_count: 1,
  });
  const page = await listFailures(console_.ctx(), parseFailureFilter(new URLSearchParams()));
  const group = page.groups.find(({ error }) => error === 'RuntimeError: far');
  if (!group) throw new Error('The group is missing.');
  for (const until of [page.until, '29999-12-31T23:59:59.000000Z']) {
    const filter = parseJobFilter(new URLSearchParams(groupQuery(group, { ...page, until })));
    expect(isUnderstood(filter)).toBe(true);
    expect((await listJobs(console_.ctx(), filter)).rows).toMatchObject([{ id }]);
  }
});
