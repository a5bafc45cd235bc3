import type pg from 'pg';
import { previewBulk } from '../../lib/bulk/preview';
import { getRun } from '../../lib/bulk/queries';
import { workOn } from '../../lib/bulk/runner';
import { type BulkStart, startBulk } from '../../lib/bulk/start';
import type { BulkAction, BulkRun, BulkTarget } from '../../lib/bulk/types';
import type { Ctx } from '../../lib/ctx';
import { params } from './rows';

export const discarded = (query = 'state=discarded'): BulkTarget => ({ kind: 'filter', query, batchId: null });

/** Many rows by one statement: discarded jobs, or what `columns` (SQL expressions of `n`) makes of them. */
export async function insertJobs(client: pg.Client, count: number, columns: Record<string, string> = {}): Promise<string[]> {
  const all: Record<string, string> = {
    queue_name: `'default'`, priority: '0', job_class: `'TestJob'`, created_at: `now() - interval '1 hour'`, updated_at: `now() - interval '1 hour'`, scheduled_at: `now() - interval '1 hour'`,
    performed_at: `now() - interval '1 hour'`, finished_at: `now() - interval '1 hour'`, error: `'RuntimeError: boom'`, error_event: '1', ...columns,
  };
  const { rows } = await client.query<{ id: string }>(
    `INSERT INTO good_jobs (id, active_job_id, serialized_params, ${Object.keys(all).join(', ')})
     SELECT id, id, jsonb_set($1::jsonb, '{job_id}', to_jsonb(id)), ${Object.values(all).join(', ')} FROM (SELECT gen_random_uuid() AS id, n FROM generate_series(1, $2::int) n) ids RETURNING id`,
    [params('x'), count],
  );
  return rows.map(({ id }) => id);
}

/** Columns of an open job for insertJobs. */
export const OPEN = { performed_at: 'NULL', finished_at: 'NULL', error: 'NULL', error_event: 'NULL' };

/** Preview and start, confirmed as a reader would. */
export async function start(ctx: Ctx, action: BulkAction, target: BulkTarget, scheduledAt: string | null = null): Promise<string> {
  const preview = await previewBulk(ctx, action, target);
  const started: BulkStart = await startBulk(ctx, { action, target: preview.target, scheduledAt, cutOff: preview.cutOff, expected: preview.total, typed: preview.total.count });
  if (started.kind !== 'started') throw new Error(`Not started: ${started.kind}`);
  return started.runId;
}

/** The run when this process no longer works on it. */
export async function settled(ctx: Ctx, runId: string): Promise<BulkRun> {
  await workOn(runId)?.ended;
  const run = await getRun(ctx, runId);
  if (!run) throw new Error('The run is gone.');
  return run;
}
