import { LosslessNumber } from 'lossless-json';
import { type Expected, type ExpectedRow, NEW_ID, NOW, PAYLOAD_NOW, isObject } from './expectation';
import type { RuleState } from './rules';

/** Applies the rules of GOODJOB.md for the completion check of a batch. */
export function completionCheck(
  world: RuleState,
  batchId: string,
  { hasDiscardedMember }: { hasDiscardedMember: boolean },
): void {
  const batch = world.rows.good_job_batches.find((row) => row.id === batchId);
  if (!batch) return;
  const hasOpenJob = (column: 'batch_id' | 'batch_callback_id') =>
    world.rows.good_jobs.some((job) => job[column] === batchId && job.finished_at === null);
  // On Rails 7.2, GoodJob inserts the callbacks after its check.
  const hadOpenCallback = world.deviations.has('finishesEarly')
    ? hasOpenJob('batch_callback_id')
    : undefined;
  const setNow = (column: string) => Object.assign(batch, { [column]: NOW, updated_at: NOW });

  if (hasDiscardedMember && batch.discarded_at === null) {
    setNow('discarded_at');
    enqueue(world, batch, 'discard');
  }
  if (batch.enqueued_at !== null && batch.jobs_finished_at === null && !hasOpenJob('batch_id')) {
    setNow('jobs_finished_at');
    if (batch.discarded_at === null) enqueue(world, batch, 'success');
    enqueue(world, batch, 'finish');
  }
  if (
    batch.jobs_finished_at !== null &&
    batch.finished_at === null &&
    !(hadOpenCallback ?? hasOpenJob('batch_callback_id'))
  )
    setNow('finished_at');
}

function enqueue(
  world: RuleState,
  batch: ExpectedRow,
  event: 'discard' | 'success' | 'finish',
): void {
  const jobClass = batch[`on_${event}`];
  if (typeof jobClass !== 'string' || jobClass.trim() === '') return;
  const stored = newestPayload(world, jobClass);
  const text = (value: Expected | undefined) =>
    typeof value === 'string' && value.trim() !== '' ? value : undefined;
  const queue = text(batch.callback_queue_name) ?? text(stored.queue_name) ?? 'default';
  const { appName, locale, timeZone } = world.situation.app;
  const operatorLocale = world.deviations.has('usesOperatorLocale')
    ? text(
        world.vector.http?.params.locale ??
          /[?&]locale=([^&]+)/.exec(world.vector.http?.request ?? '')?.[1],
      )
    : undefined;
  const priority =
    batch.callback_priority ?? (stored.priority instanceof LosslessNumber ? stored.priority : null);
  const zero = new LosslessNumber('0');
  const payload: Expected = {
    job_class: jobClass,
    job_id: NEW_ID,
    provider_job_id: null,
    queue_name: queue,
    priority,
    arguments: [
      { _aj_globalid: `gid://${appName}/GoodJob::Batch/${String(batch.id)}` },
      {
        event: { _aj_serialized: 'ActiveJob::Serializers::SymbolSerializer', value: event },
        _aj_symbol_keys: ['event'],
      },
    ],
    executions: zero,
    exception_executions: {},
    locale: operatorLocale ?? text(stored.locale) ?? locale,
    timezone: text(stored.timezone) ?? timeZone,
    enqueued_at: PAYLOAD_NOW,
    scheduled_at: null,
  };
  world.rows.good_jobs.push({
    id: NEW_ID,
    active_job_id: NEW_ID,
    queue_name: queue,
    priority: priority ?? zero,
    job_class: jobClass,
    serialized_params: payload,
    batch_id: null,
    batch_callback_id: batch.id,
    finished_at: null,
    scheduled_at: NOW,
    created_at: NOW,
    updated_at: NOW,
  });
  world.queues.add(queue);
}

function newestPayload(world: RuleState, jobClass: string): { [key: string]: Expected } {
  const age = (job: ExpectedRow) => (job.created_at === NOW ? '~' : String(job.created_at));
  const [newest] = world.rows.good_jobs
    .filter((job) => job.job_class === jobClass)
    .sort((a, b) => (age(a) < age(b) ? 1 : -1));
  return isObject<Expected>(newest?.serialized_params) ? newest.serialized_params : {};
}
