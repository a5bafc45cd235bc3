import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadGjReal } from '../../test/harness/good-job-database';
import { TestConsole } from '../../test/harness/test-console';
import { listBatches } from '../batches/queries';
import { parseBatchFilter } from '../batches/types';
import { parseJobFilter } from './filters';
import { listJobs } from './list';

/** Recorded lists of GoodJob 4.19's own dashboard, on the rows of gj_real.sql.gz. */
const recorded = readFileSync(new URL('../../test/fixtures/lists.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { path: string; ids: string[] });

let console_: TestConsole;
beforeAll(async () => {
  console_ = await TestConsole.open('good_job_lists');
  await loadGjReal(console_.url);
});
afterAll(() => console_.close());

it.each(recorded)('lists the same rows as GoodJob for $path', async ({ path, ids }) => {
  const { pathname, searchParams } = new URL(path, 'http://localhost');
  const page =
    pathname === '/jobs'
      ? await listJobs(console_.ctx(), parseJobFilter(searchParams))
      : await listBatches(console_.ctx(), parseBatchFilter(searchParams));
  expect(page.rows.map((row) => row.id)).toEqual(ids);
});
