import type pg from 'pg';
import { getBatch, getBatchRow } from '../../lib/batches/queries';
import {
  getBatchStatus,
  getSmallBatchStatus,
  listBatchesWithProgress,
} from '../../lib/batches/status';
import { parseBatchFilter } from '../../lib/batches/types';
import type { Ctx } from '../../lib/context/request-context';
import { runCompletionCheck } from '../../lib/good-job/batches';
import { enqueueCallback, readAppName } from '../../lib/good-job/enqueue';
import type { GoodJobTables } from '../../lib/good-job/tables';
import { listBatchJobs } from '../../lib/jobs/batch-jobs';
import { getJob } from '../../lib/jobs/detail';
import { listExecutions } from '../../lib/jobs/executions';
import { parseJobFilter } from '../../lib/jobs/filters';
import { listCallbackJobs } from '../../lib/jobs/rows';
import { type MeasuredBatch, findMeasuredBatches } from './batch-subjects';
import type { Case, Group, Target, WritePlan } from './cases';

/** The value in app/(console)/batches/[id]/page.tsx. */
const COUNTED_WITH_PAGE = 1_000;
const WITHIN_SQL: Target = { p95OverSql: 60 };
const SMALL = 'batch page, 10 jobs';

/** The queries of app/(console)/batches/[id]/page.tsx. */
async function batchPage(ctx: Ctx, id: string, query: string): Promise<string[]> {
  const batchPromise = getBatch(ctx, id);
  const [batch, , , jobs] = await Promise.all([
    batchPromise,
    getSmallBatchStatus(
      ctx,
      batchPromise.then((result) => result?.row ?? null),
      id,
      COUNTED_WITH_PAGE,
    ),
    listCallbackJobs(ctx, id),
    listBatchJobs(ctx, id, parseJobFilter(new URLSearchParams(query))),
  ]);
  return [batch?.row.id ?? 'no such batch', ...jobs.rows.map((row) => row.id)];
}

/** The queries of app/api/batches/[id]/status/route.ts, whose response has counts but no ids. */
async function batchCounts(ctx: Ctx, id: string): Promise<string[]> {
  const batch = await getBatchRow(ctx, id);
  const status = batch && (await getBatchStatus(ctx, batch));
  return [`"total":${status?.progress.total ?? -1}`];
}

async function batchList(ctx: Ctx, query: string): Promise<string[]> {
  const filter = parseBatchFilter(new URLSearchParams(query));
  const { rows } = await listBatchesWithProgress(ctx, filter);
  return rows.map((row) => row.id);
}

async function jobPage(ctx: Ctx, id: string): Promise<string[]> {
  const [job, executions] = await Promise.all([getJob(ctx, id), listExecutions(ctx, id)]);
  return [job?.id ?? 'no such job', ...executions.map((row) => row.id)];
}

function pageCase(name: string, id: string, query: string, targets: Target[]): Case {
  return {
    name,
    path: `/batches/${id}${query && `?${query}`}`,
    sql: (ctx) => batchPage(ctx, id, query),
    targets,
  };
}

function subjectName({ nominal, age, flavour }: MeasuredBatch): string {
  const suffix = flavour === 'bulk' ? ', one created_at' : '';
  return `${nominal.toLocaleString('en')} jobs, ${age}${suffix}`;
}

function casesOf(batch: MeasuredBatch): Case[] {
  const { id, nominal, flavour, jobClass } = batch;
  if (nominal === 10) return [pageCase(SMALL, id, '', [{ p50AtMost: 25 }, WITHIN_SQL])];
  const name = subjectName(batch);
  const targets: Target[] = [WITHIN_SQL, { p95Over: SMALL, by: 60 }];
  const page = (suffix: string, query: string) =>
    pageCase(`batch page, ${name}${suffix}`, id, query, targets);
  const filtered: Case[] = [];
  if (nominal === 100_000 && flavour === 'ascending') {
    filtered.push(page(', discarded', 'state=discarded'));
    if (jobClass) filtered.push(page(', one class', `job_class=${encodeURIComponent(jobClass)}`));
  }
  return [
    page('', ''),
    page(', middle page', `after_id=${batch.middleId}`),
    page(', page before the middle', `before_id=${batch.middleId}`),
    ...filtered,
    {
      name: `state counts, ${name}`,
      path: `/api/batches/${id}/status`,
      sql: (ctx) => batchCounts(ctx, id),
      targets: [{ p95AtMost: 400 }],
    },
  ];
}

/** The page of /batches that begins with the newest of these batches. */
async function listCase(
  client: pg.Client,
  tables: GoodJobTables,
  name: string,
  batches: MeasuredBatch[],
): Promise<Case[]> {
  const newest = batches
    .map(({ createdAt }) => createdAt)
    .sort()
    .at(-1);
  if (newest === undefined) return [];
  const { rows } = await client.query<{ id: string }>(
    `SELECT id
     FROM ${tables.batches.sql}
     WHERE created_at > $1
     ORDER BY created_at, id
     LIMIT 1`,
    [newest],
  );
  const query = rows[0] ? `after_id=${rows[0].id}` : '';
  return [
    {
      name,
      path: `/batches${query && `?${query}`}`,
      sql: (ctx) => batchList(ctx, query),
      targets: [WITHIN_SQL],
    },
  ];
}

/** The statements of an action on the last unfinished job, a batch retry and a batch completion. */
function writesOn({ id, nominal, age }: MeasuredBatch): WritePlan[] {
  const name = `${nominal} jobs, ${age}`;
  const callbacks = {
    id,
    onFinish: 'Billing::BatchFinishedJob',
    onSuccess: null,
    onDiscard: null,
    callbackQueueName: null,
    callbackPriority: null,
  };
  return [
    {
      name: `completion check, ${name}`,
      run: (tx, tables) => runCompletionCheck(tx, tables, id, { hasDiscardedMember: true }),
    },
    {
      name: `callback, ${name}`,
      run: (tx, tables) =>
        enqueueCallback(
          tx,
          tables,
          callbacks,
          'finish',
          'Billing::BatchFinishedJob',
          new Date().toISOString(),
        ),
    },
    {
      name: `callback of a class without jobs, ${name}`,
      run: (tx, tables) =>
        enqueueCallback(tx, tables, callbacks, 'finish', 'NoSuchJob', new Date().toISOString()),
    },
    { name: `app name, ${name}`, run: (tx, tables) => readAppName(tx, tables, id) },
  ];
}

const EXPECTED_SUBJECTS = [
  '10 recent',
  '10,000 recent',
  '10,000 old',
  '100,000 recent',
  '100,000 recent bulk',
  '100,000 old',
  '100,000 old bulk',
];

/** One sentence for each expected batch that the database does not have. */
function missingSubjects(batches: MeasuredBatch[]): string[] {
  const existingSubjects = new Set(
    batches.map(
      ({ nominal, age, flavour }) =>
        `${nominal.toLocaleString('en')} ${age}${flavour === 'bulk' ? ' bulk' : ''}`,
    ),
  );
  return EXPECTED_SUBJECTS.filter((name) => !existingSubjects.has(name))
    .map((name) => name.replace(' ', ' jobs, ').replace(' bulk', ', enqueued in bulk,'))
    .map((name) => `no batch of about ${name} (old: at least 500,000 jobs are newer)`);
}

export async function batchGroup(client: pg.Client, tables: GoodJobTables): Promise<Group> {
  const { batches, jobs, totalJobs } = await findMeasuredBatches(client, tables);
  const large = (age: MeasuredBatch['age']) =>
    batches.filter((batch) => batch.age === age && batch.nominal > 10);
  return {
    cases: [
      ...batches.flatMap(casesOf),
      {
        name: '/batches',
        path: '/batches',
        sql: (ctx) => batchList(ctx, ''),
        targets: [WITHIN_SQL],
      },
      ...(await listCase(
        client,
        tables,
        '/batches, page with large recent batches',
        large('recent'),
      )),
      ...(await listCase(client, tables, '/batches, page with large old batches', large('old'))),
      ...jobs.map(({ kind, id }): Case => ({
        name: `job page, ${kind}`,
        path: `/jobs/${id}`,
        sql: (ctx) => jobPage(ctx, id),
        targets: [{ p50AtMost: 30 }, WITHIN_SQL],
      })),
    ],
    writes: batches
      .filter(({ flavour, nominal }) => flavour === 'ascending' && nominal !== 10_000)
      .flatMap(writesOn),
    notes: [
      `${totalJobs.toLocaleString('en')} jobs`,
      ...batches.map(
        (batch) =>
          `"${subjectName(batch)}" is ${batch.id} with ${batch.jobs.toLocaleString('en')} jobs`,
      ),
      ...jobs.map(
        ({ kind, id, executions }) => `"job page, ${kind}" is ${id} with ${executions} executions`,
      ),
    ],
    skipped: missingSubjects(batches),
  };
}
