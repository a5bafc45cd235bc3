import { afterAll, beforeAll, expect, it } from 'vitest';
import { insertJob } from '@/test/harness/rows';
import { TestConsole } from '@/test/harness/test-console';
import { parseJobFilter } from './filters';
import { nameParams } from './links';
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
