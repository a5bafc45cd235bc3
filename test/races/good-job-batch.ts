import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { ActiveRecord, insert, transaction } from './good-job-record';

/**
 * `GoodJob::BatchRecord#_continue_discard_or_finish` of GoodJob 4.19 on Rails 7.2, which enqueues
 * callbacks after the commit.
 */
export async function continueDiscardOrFinish(
  client: pg.Client,
  batchId: string,
  job?: ActiveRecord,
): Promise<void> {
  const isJobDiscarded =
    job !== undefined && job.get('finished_at') !== null && job.get('error') !== null;
  const events: string[] = [];
  const batch = new ActiveRecord('good_job_batches', { id: batchId });
  const now = () => new Date().toISOString();
  const hasNoOpenJob = async (column: string) =>
    (
      await client.query(
        `SELECT 1 FROM good_jobs WHERE ${column} = $1 AND finished_at IS NULL LIMIT 1`,
        [batchId],
      )
    ).rowCount === 0;

  await transaction(client, async () => {
    await client.query(
      `SELECT pg_advisory_xact_lock(
                ('x' || substr(md5('good_job_batches-' || $1), 1, 16))::bit(64)::bigint)`,
      [batchId],
    );
    await batch.reload(client);
    if (isJobDiscarded && batch.get('discarded_at') === null) {
      await batch.update(client, { discarded_at: now() });
      events.push('discard');
    }
    if (
      batch.get('enqueued_at') !== null &&
      batch.get('jobs_finished_at') === null &&
      (await hasNoOpenJob('batch_id'))
    ) {
      await batch.update(client, { jobs_finished_at: now() });
      if (batch.get('discarded_at') === null) events.push('success');
      events.push('finish');
    }
    if (
      batch.get('finished_at') === null &&
      batch.get('jobs_finished_at') !== null &&
      (await hasNoOpenJob('batch_callback_id'))
    )
      await batch.update(client, { finished_at: now() });
  });
  for (const event of events) await enqueueCallback(client, batch, event);
}

async function enqueueCallback(
  client: pg.Client,
  batch: ActiveRecord,
  event: string,
): Promise<void> {
  const jobClass = batch.get(`on_${event}`);
  if (typeof jobClass !== 'string') return;
  const id = randomUUID();
  const now = new Date().toISOString();
  await insert(client, 'good_jobs', {
    id,
    active_job_id: id,
    queue_name: 'default',
    priority: 0,
    job_class: jobClass,
    batch_callback_id: batch.id,
    scheduled_at: now,
    created_at: now,
    updated_at: now,
    serialized_params: {
      job_class: jobClass,
      job_id: id,
      provider_job_id: null,
      queue_name: 'default',
      priority: null,
      executions: 0,
      exception_executions: {},
      locale: 'en',
      timezone: 'UTC',
      enqueued_at: now,
      scheduled_at: null,
      arguments: [
        { _aj_globalid: `gid://race-app/GoodJob::Batch/${batch.id}` },
        {
          event: { _aj_serialized: 'ActiveJob::Serializers::SymbolSerializer', value: event },
          _aj_symbol_keys: ['event'],
        },
      ],
    },
  });
}
