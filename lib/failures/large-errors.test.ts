import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { groupQuery } from '../../components/failures/failure-links';
import { DISCARDED, insertJob, serializedParams } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { parseJobFilter } from '../jobs/filters';
import { listJobs } from '../jobs/list';
import { REDACTION_MARKER } from '../redaction/redaction';
import { countDiscarded } from './failed-jobs';
import { parseFailureFilter } from './filters';
import { listFailures } from './queries';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('large_errors');
});
afterEach(() => testConsole.client.query('DELETE FROM good_jobs'));
afterAll(() => testConsole.close());

const SECRET = 'zq7kxw9vjt3m';
const filter = (query = '') => parseFailureFilter(new URLSearchParams(query));
const list = (query = '') => listFailures(testConsole.ctx(), filter(query), 5_000);

async function insert(error: string, payload: Record<string, unknown> = {}, columns = {}) {
  const id = crypto.randomUUID();
  return insertJob(testConsole.client, {
    id,
    ...DISCARDED,
    error,
    serialized_params: serializedParams(id, payload),
    ...columns,
  });
}

test('redacts a repeat in the first 2,000 characters of a secret at the end of an error of 64 kB', async () => {
  await insert(`Login: ${SECRET} refused ${'word '.repeat(10_000)} password=${SECRET}`);
  const [group] = (await list()).groups;
  expect(group?.tooLarge).toBe(false);
  expect(group?.error).toMatch(/^Login: \[REDACTED\] refused word/);
  expect(JSON.stringify(group)).not.toContain(SECRET);
});

test('hides an error of more than 64 kB and marks the group as too large', async () => {
  await insert(
    `Login: ${SECRET} refused ${'word '.repeat(20_000)} password=${SECRET}`,
    {},
    { queue_name: SECRET },
  );
  const { groups } = await list();
  expect(groups).toMatchObject([
    { error: REDACTION_MARKER, tooLarge: true, discarded: 1, queues: [REDACTION_MARKER] },
  ]);
  expect(JSON.stringify(groups)).not.toContain(SECRET);
});

test('hides an error that repeats a secret of arguments beyond the size limit', async () => {
  await insert(`Login: ${SECRET} refused`, {
    arguments: ['x'.repeat(70_000), { password: SECRET }],
  });
  const { groups } = await list();
  expect(groups).toMatchObject([
    { error: REDACTION_MARKER, tooLarge: true, samples: [{ error: REDACTION_MARKER }] },
  ]);
  expect(JSON.stringify(groups)).not.toContain(SECRET);
});

test('redacts secrets of custom payload members in the error', async () => {
  await insert(`Login: ${SECRET} refused`, { api_token: SECRET });
  expect(JSON.stringify(await list())).not.toContain(SECRET);
});

test('the table by exception hides the start of an error with an unread secret', async () => {
  await insert(`${SECRET} refused: no`, { arguments: ['x'.repeat(70_000), { password: SECRET }] });
  await insert(`${SECRET} again: no`, { arguments: [{ password: SECRET }] });
  await insert('Net::ReadTimeout: no answer', { arguments: ['x'.repeat(70_000)] });
  const { rows, total } = await countDiscarded(testConsole.ctx(), filter('by=exception'));
  expect(rows).toMatchObject([
    { name: 'Net::ReadTimeout', tooLarge: false, isCut: false },
    { name: `${REDACTION_MARKER} again`, tooLarge: false, isCut: true },
    { name: REDACTION_MARKER, tooLarge: true, isCut: true },
  ]);
  expect(total).toMatchObject({ all: 3, name: null });
});

test('links a group to its jobs, however large their arguments are', async () => {
  const id = await insert('KeyError: a', { arguments: ['x'.repeat(1_000_000)] });
  const page = await list();
  const [group] = page.groups;
  if (!group) throw new Error('There is no group.');
  const query = new URLSearchParams(groupQuery(group, page));
  const jobs = await listJobs(testConsole.ctx(), parseJobFilter(query));
  expect(jobs.rows.map((row) => row.id)).toEqual([id]);
});

test.each([
  ['200 discarded jobs with errors of 96 kB', 200, 96_000],
  ['60 discarded jobs with errors of 1.5 MB', 60, 1_500_000],
])('%s do not block the event loop', async (_, jobs, bytes) => {
  for (let n = 0; n < jobs; n += 1) await insert(`Broken${n}: ${`")=${n}`.repeat(bytes / 5)}`);
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const started = performance.now();
  const page = await listFailures(testConsole.ctx(), filter());
  await countDiscarded(testConsole.ctx(), filter('by=exception'));
  const took = performance.now() - started;
  delay.disable();
  // The limit is generous, because other tests run at the same time.
  expect(took).toBeLessThan(4_000);
  expect(delay.max / 1e6).toBeLessThan(400);
  expect(page.groups.length).toBeGreaterThan(0);
  expect(page.scanned > 0 && (page.scanned === jobs || page.isPartial)).toBe(true);
});
