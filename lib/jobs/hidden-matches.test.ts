import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insertBatch } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { startBulk } from '../bulk/mutations';
import { previewBulk } from '../bulk/preview';
import type { BulkAction } from '../bulk/types';
import { setRedactionConfig } from '../config/redaction-rules';
import type { Ctx } from '../context/request-context';
import { listBatchJobs } from './batch-jobs';
import { chartOfList } from './chart';
import { countTabs } from './counts';
import { exportJobs } from './export';
import { parseJobFilter } from './filters';
import { listJobs } from './list';
import { completeQuery } from './suggestions';

/*
 * A search for the beginning of a secret must return the same rows and counts, and end at the same
 * job, as a search for a wrong text, however many jobs contain the secret in their arguments or
 * repeat it in other columns.
 */

const SECRETS = { one: 'zq7kxw9vjt3m', some: 'hd5fyb2npc8q', most: 'vm3jwk6xtz4r' } as const;
const WRONG: Record<keyof typeof SECRETS, [string, string][]> = {
  one: [['zq7k', 'zq7x']],
  some: [['hd5fyb', 'hd5fyc']],
  most: [['vm3j', 'vm3k']],
};
const JOBS = 13_000;
const SINCE = new Date(Date.now() - 7_200_000).toISOString();

const FORMS: ((text: string) => string)[] = [
  (text) => text,
  (text) => `error:${text}`,
  (text) => `label:*${text}*`,
  (text) => `cron:*${text}*`,
  (text) => `queue:tenant-${text}*`,
  (text) => `class:*${text}*`,
  (text) => `args.0.note:${text}`,
  (text) => `-${text}`,
  (text) => `-queue:*${text}*`,
  (text) => `${text} created:>${SINCE}`,
  (text) => `queue:default ${text}`,
];

let console_: TestConsole;
let batchId: string;

beforeAll(async () => {
  setRedactionConfig({});
  console_ = await TestConsole.open('jobs_hidden_matches');
  const { client } = console_;
  batchId = await insertBatch(client);
  await client.query(
    `INSERT INTO good_jobs (id, active_job_id, queue_name, priority, job_class, labels, cron_key,
      cron_at, batch_id, error, serialized_params, scheduled_at, finished_at, performed_at,
      created_at, updated_at)
     SELECT id, id,
            CASE WHEN n % 3 = 0 AND secret <> '' THEN 'tenant-' || secret ELSE 'default' END,
            0, 'TestJob',
            CASE WHEN n % 5 = 0 AND secret <> '' THEN ARRAY['bulk', secret]
                 ELSE ARRAY['bulk'] END,
            CASE WHEN n % 3 = 1 AND secret <> '' THEN 'sync-' || secret END,
            now() - n * interval '1 second',
            CASE WHEN n % 2 = 0 THEN $1::uuid END,
            CASE WHEN n % 2 = 0
                 THEN 'LoginError: ' || coalesce(nullif(secret, ''), 'nobody') || ' was refused' END,
            jsonb_build_object(
              'job_class', 'TestJob', 'job_id', id, 'arguments',
              jsonb_build_array(jsonb_build_object('api_token', secret, 'note', secret, 'n', n))),
            now() - n * interval '1 second',
            CASE WHEN n % 4 = 0 THEN now() END,
            CASE WHEN n % 4 = 0 THEN now() END,
            now() - n * interval '1 second', now() - interval '1 day'
       FROM (SELECT gen_random_uuid() AS id, n,
                    CASE WHEN n = 8000 THEN $2
                         WHEN n % 500 = 100 THEN $3
                         WHEN n > 400 THEN $4
                         ELSE '' END AS secret
               FROM generate_series(1, ${JOBS}) n) jobs`,
    [batchId, SECRETS.one, SECRETS.some, SECRETS.most],
  );
  await client.query('ANALYZE');
}, 60_000);
afterAll(async () => {
  setRedactionConfig({});
  await console_.close();
});

/** Returns all answers to a filter, with the searched text itself removed. */
async function answers(ctx: Ctx, q: string, text: string, isComplete: boolean): Promise<unknown[]> {
  const filter = parseJobFilter(new URLSearchParams({ q }));
  const output: unknown[] = [];
  for (const state of [null, 'queued', 'discarded'] as const)
    output.push(
      await listJobs(ctx, { ...filter, state }),
      await listJobs(ctx, { ...filter, state, limit: 10 }, { indexedWindow: 5_000 }),
    );
  output.push(
    await listJobs(
      ctx,
      { ...filter, sort: { column: 'created', direction: 'asc' } },
      { indexedWindow: 5_000 },
    ),
    await listJobs(ctx, filter, { exact: true }),
  );
  output.push(await listBatchJobs(ctx, batchId, filter), await countTabs(ctx, filter));
  // The start depends only on the clock, which may pass a bucket's end between two answers.
  output.push({ ...(await chartOfList(ctx, filter, { range: 'day', by: 'class' })), start: 0 });
  for (const input of [text, `label:${text}`, `queue:tenant-${text}`, `cron:sync-${text}`])
    output.push((await completeQuery(ctx, { text: input, at: input.length })).items);
  if (isComplete) {
    for (const action of ['retry', 'discard'] as BulkAction[]) {
      const target = {
        kind: 'filter',
        query: String(new URLSearchParams({ q })),
        batchId: null,
      } as const;
      const { cutOff, total, ...preview } = await previewBulk(ctx, action, target);
      output.push(total, { ...preview, target: null });
      if (total.count === 0)
        output.push(
          await startBulk(ctx, {
            action,
            target: preview.target,
            scheduledAt: null,
            cutOff,
            expected: total,
            confirmedCount: null,
          }).then(
            ({ kind }) => kind,
            (error: Error) => error.message,
          ),
        );
    }
    if (!q.startsWith('-'))
      for await (const chunk of exportJobs({ ...ctx, searchBudgetMs: 2_000 }, filter, 'ndjson'))
        output.push(chunk);
  }
  return JSON.parse(
    Object.values(SECRETS)
      .reduce((all, secret) => all.replaceAll(secret, '■'), JSON.stringify(output, withoutClock))
      .replaceAll(text, '…'),
  ) as unknown[];
}

/** The waits and run times of unfinished jobs grow with the clock. */
const withoutClock = (key: string, value: unknown) =>
  key === 'wait' || key === 'run' ? undefined : value;

async function compare(ctx: Ctx, forms: number[]): Promise<void> {
  for (const [name, pairs] of Object.entries(WRONG)) {
    for (const [right, wrong] of pairs) {
      for (const [n, form] of FORMS.entries()) {
        if (!forms.includes(n)) continue;
        // Rechecking 12,000 jobs is slow, so only one of text, error and queue is tried at every
        // endpoint.
        if (name === 'most' && ![0, 1, 4].includes(n)) continue;
        const pair = await Promise.all(
          [right, wrong].map((text) => answers(ctx, form(text), text, name !== 'most' || n === 0)),
        );
        expect(pair[0], `${name}: ${form(right)}`).toEqual(pair[1]);
      }
    }
  }
}

describe('a hidden match changes no answer', () => {
  // Less than the number of jobs, so that a search ends early.
  const options = { role: 'operator', searchBudgetMs: 60, bulkOperatorLimit: 1_000 } as const;

  it('a hidden match changes no answer without text indexes', async () => {
    const ctx = console_.ctx(options);
    const page = await listJobs(ctx, parseJobFilter(new URLSearchParams({ q: 'zq7k' })));
    expect(page).toMatchObject({
      rows: [],
      partial: { scanned: 6_000 },
      hasNewestLabelsOnly: false,
    });
    // Each page searches a part of the batch's members; together they search all.
    const members = await listBatchJobs(
      ctx,
      batchId,
      parseJobFilter(new URLSearchParams({ q: 'zq7k' })),
    );
    expect(members).toMatchObject({
      rows: [],
      partial: { scanned: 5_000 },
      next: { direction: 'after' },
    });
    let pages = 1;
    let cursor = members.next;
    while (cursor) {
      const filter = { ...parseJobFilter(new URLSearchParams({ q: 'zq7k' })), cursor };
      cursor = (await listBatchJobs(ctx, batchId, filter)).next;
      pages += 1;
    }
    expect(pages).toBe(2);
    await compare(
      ctx,
      FORMS.map((_, n) => n),
    );
  }, 600_000);

  it('a hidden match changes no answer with text indexes', async () => {
    await console_.client.query(`
      CREATE EXTENSION IF NOT EXISTS pg_trgm;
      CREATE INDEX ON good_jobs USING gin (((serialized_params -> 'arguments')::text) gin_trgm_ops);
      CREATE INDEX ON good_jobs USING gin (error gin_trgm_ops);
      CREATE INDEX ON good_jobs USING gin ((serialized_params -> 'arguments') jsonb_path_ops);
      ANALYZE good_jobs`);
    const ctx = await console_.dropIndexes([], options);
    // Detected indexes are cached for a minute per schema identity, so this test needs its own.
    Object.assign(ctx.tables.schema, { identity: 'with indexes of texts' });
    for (const q of ['zq7k', 'vm3j']) {
      expect(await listJobs(ctx, parseJobFilter(new URLSearchParams({ q })))).toMatchObject({
        rows: [],
        partial: null,
        hasNewestLabelsOnly: true,
      });
      expect(
        await listJobs(ctx, parseJobFilter(new URLSearchParams({ q })), { indexedWindow: 5_000 }),
      ).toMatchObject({ rows: [], partial: { scanned: 6_000 }, hasNewestLabelsOnly: true });
    }
    // Visible text is still found.
    expect(
      (await listJobs(ctx, parseJobFilter(new URLSearchParams({ q: 'error:nobody' })))).rows,
    ).toHaveLength(25);
    // Filters that a text index can answer.
    await compare(ctx, [0, 1, 6, 9]);
  }, 600_000);
});

it('a bulk action counts all jobs with a visible match and requires a confirmation', async () => {
  const ctx = console_.ctx({ bulkOperatorLimit: 1_000_000 });
  const target = {
    kind: 'filter',
    query: String(new URLSearchParams({ q: 'error:refused' })),
    batchId: null,
  } as const;
  const preview = await previewBulk(ctx, 'retry', target);
  expect(preview).toMatchObject({
    total: { kind: 'exact', count: JOBS / 4 },
    more: false,
    states: { discarded: JOBS / 4 },
  });
  expect(
    await startBulk(ctx, {
      action: 'retry',
      target: preview.target,
      scheduledAt: null,
      cutOff: preview.cutOff,
      expected: preview.total,
      confirmedCount: null,
    }),
  ).toEqual({ kind: 'not_confirmed' });
}, 60_000);
