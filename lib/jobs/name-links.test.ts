import { afterAll, beforeAll, expect, it } from 'vitest';
import { insertJob, serializedParams } from '@/test/harness/rows';
import { TestConsole } from '@/test/harness/test-console';
import { parseJobFilter } from './filters';
import { argumentHref, nameParams } from './links';
import { listJobs } from './list';

let console_: TestConsole;
beforeAll(async () => void (console_ = await TestConsole.open('name_links')));
afterAll(() => console_.close());

const NAMES = ['A', '', ' ', 'A "b", *\\ c', null];

it('links to exactly the jobs of a class or a queue, even with a blank or null name', async () => {
  for (const name of NAMES)
    await insertJob(console_.client, { job_class: name, queue_name: name, priority: 7 });
  for (const field of ['class', 'queue'] as const)
    for (const name of NAMES) {
      const params = nameParams({ [field]: name }, 'priority:7');
      const { rows } = await listJobs(console_.ctx(), parseJobFilter(new URLSearchParams(params)));
      expect(
        rows.map(({ jobClass }) => jobClass),
        JSON.stringify(params),
      ).toEqual([name]);
    }
  expect(nameParams({}, 'priority:7')).toEqual({ q: 'priority:7' });
  expect(nameParams({ class: null, queue: '' })).toEqual({ q: '-class:* queue:""' });
});

it.each([
  ['to', 'user@example.com'],
  ['a.b', 'x y'],
  ['ご 請求', '「請求書」, *'],
  ['"quoted\\"', 'C:\\temp "x"'],
  ['-', ''],
  ['a:b', '-1'],
])('links to the jobs with the same value of the argument %s', async (key, value) => {
  const id = await insertJob(console_.client, {
    serialized_params: serializedParams('x', { arguments: ['mail', { [key]: value, n: 12 }] }),
  });
  const listed = async (path: string[], text: string) => {
    const href = argumentHref(path, text) ?? '';
    const filter = parseJobFilter(new URL(href, 'http://localhost').searchParams);
    return (await listJobs(console_.ctx(), filter)).rows.map((row) => row.id);
  };
  expect(await listed(['1', key], value)).toEqual([id]);
  expect(await listed(['1', 'n'], '12')).toContain(id);
});

it.each(['x'.repeat(201), '2026-01-02T03:04:05Z', '2026-01-02 03:04:05 +0900'])(
  'does not link to the value %s, which the page may print differently',
  (value) => expect(argumentHref(['0'], value)).toBeNull(),
);
