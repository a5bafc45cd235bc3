import sql from 'sql-template-tag';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { insertJobs } from '../../test/harness/many-rows';
import { insertBatch } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import type { Ctx } from '../context/request-context';
import type { Database } from '../db/database';
import { getBatchRow, listBatches } from './queries';
import { getBatchStatus, getBatchTimeline } from './status';
import { parseBatchFilter } from './types';

let testConsole: TestConsole;
let batchId: string;

/** A batch with a tenth of all jobs, so that the planner would rather scan the table. */
beforeAll(async () => {
  testConsole = await TestConsole.open('batch_plans');
  batchId = await insertBatch(testConsole.client, { description: 'Large import' });
  await insertJobs(testConsole.client, 2_000, { batch_id: `'${batchId}'::uuid` });
  await insertJobs(testConsole.client, 18_000);
  for (let n = 0; n < 300; n += 1) await insertBatch(testConsole.client);
  await testConsole.client.query('VACUUM ANALYZE good_jobs, good_job_batches');
});
afterAll(() => testConsole.close());

const planRow = z.object({ 'QUERY PLAN': z.string() });

/** The plans of all statements of a read. */
async function plansOf(read: (ctx: Ctx) => Promise<unknown>): Promise<string> {
  const plans: string[] = [];
  const { db } = testConsole;
  const explaining: Database = {
    ...db,
    read: (fn, options) =>
      db.read(
        (tx) =>
          fn({
            ...tx,
            async query(schema, statement) {
              for (const row of await tx.query(planRow, sql`EXPLAIN ${statement}`))
                plans.push(row['QUERY PLAN']);
              return tx.query(schema, statement);
            },
          }),
        options,
      ),
  };
  await read(testConsole.ctx({ db: explaining }));
  return plans.join('\n');
}

it('reads the signals and the counts of a batch by the index of its batch', async () => {
  const batch = await getBatchRow(testConsole.ctx(), batchId);
  if (!batch) throw new Error('The batch was just made.');
  const plans = await plansOf((ctx) => getBatchStatus(ctx, batch));
  expect(plans).toContain('index_good_jobs_on_batch_id');
  expect(plans).not.toMatch(/Seq Scan on good_jobs\b/);
});

it('reads the timeline of a batch by the index of its batch', async () => {
  const plans = await plansOf((ctx) => getBatchTimeline(ctx, batchId));
  expect(plans).toContain('index_good_jobs_on_batch_id');
  expect(plans).not.toMatch(/Seq Scan on good_jobs\b/);
});

it('scans the batches once for a search and reads their texts by the primary key', async () => {
  const filter = parseBatchFilter(new URLSearchParams({ q: 'large import' }));
  const plans = await plansOf((ctx) => listBatches(ctx, filter));
  expect(plans).toContain('good_job_batches_pkey');
  expect(plans.match(/Seq Scan on good_job_batches/g)).toHaveLength(1);
});
