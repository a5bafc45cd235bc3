import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DISCARDED,
  SUCCEEDED,
  insertBatch,
  insertExecution,
  insertJob,
  serializedParams,
} from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { listBatches, getBatch } from '../batches/queries';
import { startBulk } from '../bulk/mutations';
import { previewBulk } from '../bulk/preview';
import { getActiveRun } from '../bulk/runner';
import { getRun } from '../bulk/runs';
import type { BulkAction } from '../bulk/types';
import { setRedactionConfig } from '../config/redaction-rules';
import { listBatchJobs } from './batch-jobs';
import { chartOfList } from './chart';
import { countTabs } from './counts';
import { getJob } from './detail';
import { listExecutions } from './executions';
import { exportJobs } from './export';
import { isUnderstood, parseJobFilter } from './filters';
import { listJobs } from './list';
import { getRawExecution, getRawJob } from './raw';
import { loadColumns } from './rows';
import { completeQuery } from './suggestions';
import { parseColumns } from './types';

/*
 * Plants a secret in every text of a job. A search for any part of it must give the same answers as
 * a search for a text that does not exist.
 */

const SECRET = 'zq7kxw9vjt3m';
const NOWHERE = 'yb4hfp6nqc8d';
/** A secret of digits only, which number searches could find. */
const PIN = '8302957';
const NO_PIN = '9417263';

const pairs = (secret: string, none: string): [string, string][] => {
  const cuts: [number, number][] = [
    [0, 3],
    [0, 5],
    [0, secret.length - 1],
    [0, secret.length],
    [1, secret.length],
    [3, 7],
    [secret.length - 4, secret.length],
  ];
  return cuts.map(([from, to]) => [secret.slice(from, to), none.slice(from, to)]);
};
const PARTS = [
  ...pairs(SECRET, NOWHERE),
  ...pairs(PIN, NO_PIN).filter(([part]) => part.length > 4),
  [SECRET.toUpperCase(), NOWHERE.toUpperCase()] as [string, string],
];

let console_: TestConsole;
let batchId: string;
const ids: string[] = [];

beforeAll(async () => {
  setRedactionConfig({
    classes: [{ jobClass: 'Hidden::*', hide: [['0', 'memo'], ['1']], show: [] }],
  });
  console_ = await TestConsole.open('jobs_recheck');
  const { client } = console_;
  batchId = await insertBatch(client, {
    description: `sync with ${SECRET}`,
    serialized_properties: `{"api_key": "${SECRET}", "_aj_symbol_keys": ["api_key"]}`,
    on_finish: `Callback?token=${SECRET}`,
  });
  const planted: unknown[][] = [
    [{ password: SECRET }],
    [{ deep: [{ accessToken: { a: [SECRET] } }] }],
    [`https://api.test/x?token=${SECRET}&page=1`],
    [{ json: JSON.stringify({ secret: SECRET }) }],
    [{ _aj_globalid: `gid://app/User/1?api_key=${SECRET}` }],
    [['Authorization', `Bearer ${SECRET}`]],
    [{ name: 'client_secret', value: SECRET }],
    [{ session: SECRET, note: `again ${SECRET}` }],
    [{ pin: 8302957 }],
    [{ card_number: PIN, text: `the ${PIN} is in clear` }],
    [{ password: { _aj_serialized: 'ActiveJob::Serializers::SymbolSerializer', value: SECRET } }],
  ];
  const more = (own: string): Record<string, unknown>[] => [
    {},
    SUCCEEDED,
    { ...DISCARDED, error: `RuntimeError: password=${SECRET} refused` },
    { ...DISCARDED, error: `Login: ${own} was refused` },
    { labels: ['bulk', `token=${SECRET}`] },
    {
      concurrency_key: `job:token=${SECRET}`,
      cron_key: `nightly?token=${SECRET}`,
      cron_at: new Date(),
    },
  ];
  let n = 0;
  for (const args of planted) {
    const own = JSON.stringify(args).includes(SECRET) ? SECRET : PIN;
    for (const columns of more(own)) {
      const id = randomUUID();
      n += 1;
      ids.push(
        await insertJob(client, {
          id,
          batch_id: n % 2 ? batchId : null,
          created_at: new Date(Date.now() - n * 20_000),
          ...columns,
          ...(columns.cron_at ? { cron_at: new Date(Date.now() - n * 1_000) } : {}),
          serialized_params: serializedParams(id, { arguments: args }),
        }),
      );
      await insertExecution(client, id, {
        error: `boom: ${own}`,
        error_backtrace: [`app/x.rb:1:in 'login' token=${SECRET}`],
        finished_at: new Date(),
        serialized_params: serializedParams(id, { arguments: args }),
      });
    }
  }
  for (const args of [[{ memo: SECRET }], [1, SECRET]]) {
    const id = randomUUID();
    ids.push(
      await insertJob(client, {
        id,
        job_class: 'Hidden::Job',
        batch_id: batchId,
        serialized_params: serializedParams(id, { job_class: 'Hidden::Job', arguments: args }),
      }),
    );
  }
  // Enough other jobs to fill a page, but fewer than a window.
  for (let k = 0; k < 60; k += 1) {
    const id = randomUUID();
    await insertJob(client, {
      id,
      ...(k % 2 ? DISCARDED : {}),
      batch_id: k % 3 ? batchId : null,
      labels: ['bulk'],
      created_at: new Date(Date.now() - k * 15_000),
      serialized_params: serializedParams(id, {
        arguments: [{ invoice_id: k, note: 'ordinary words' }],
      }),
    });
  }
  await client.query('ANALYZE');
});
afterAll(async () => {
  setRedactionConfig({});
  await console_.close();
});

const filterOf = (query: Record<string, string>) => parseJobFilter(new URLSearchParams(query));

/** Returns all answers of the console to a filter, with the searched text itself removed. */
async function answers(query: Record<string, string>, text: string): Promise<string> {
  const ctx = console_.ctx({ searchBudgetMs: 5_000 });
  const filter = filterOf(query);
  const out: unknown[] = [isUnderstood(filter)];
  for (const firstWindow of [1_000, 30])
    out.push(await listJobs(ctx, { ...filter, limit: 10 }, { firstWindow }));
  out.push(
    await listBatchJobs(ctx, batchId, filter),
    await countTabs(ctx, filter),
    await chartOfList(ctx, filter, { range: 'day', by: 'class' }),
  );
  if (isUnderstood(filter)) {
    for (const format of ['csv', 'ndjson'] as const)
      for await (const chunk of exportJobs(ctx, filter, format)) out.push(chunk);
    for (const action of ['retry', 'discard'] as BulkAction[])
      for (const inBatch of [null, batchId]) {
        const {
          target: _target,
          cutOff: _cutOff,
          ...preview
        } = await previewBulk(ctx, action, {
          kind: 'filter',
          query: String(new URLSearchParams(query)),
          batchId: inBatch,
        });
        out.push(preview);
      }
  }
  return JSON.stringify(out, withoutClock).replaceAll(
    new RegExp(text.replaceAll(/[\\*"]/g, '\\$&'), 'gi'),
    '…',
  );
}

/** The waits and run times of unfinished jobs grow with the clock. */
const withoutClock = (key: string, value: unknown) =>
  key === 'wait' || key === 'run' ? undefined : value;

const FORMS: ((text: string) => Record<string, string>)[] = [
  (text) => ({ q: text }),
  (text) => ({ query: text }),
  (text) => ({ q: `"${text}"` }),
  (text) => ({ q: `-${text}` }),
  (text) => ({ q: `-"${text}" state:discarded` }),
  (text) => ({ q: `error:${text}` }),
  (text) => ({ q: `error:*${text}*` }),
  (text) => ({ q: `-error:${text}` }),
  (text) => ({ q: `error:nothing,${text}` }),
  (text) => ({ q: `label:*${text}*` }),
  (text) => ({ q: `-label:*${text}*` }),
  (text) => ({ q: `cron:*${text}*` }),
  (text) => ({ q: `args.0.note:"again ${text}"` }),
  (text) => ({ q: `args.0:${text}` }),
  (text) => ({ q: `-args.0.text:${text}` }),
  (text) => ({ q: `class:TestJob ${text}`, state: 'discarded' }),
  (text) => ({ q: `label:bulk ${text}` }),
  (text) => ({ q: `${text}`, sort: 'created' }),
  (text) => ({ q: `ordinary ${text}` }),
  (text) => ({ q: `ordinary -${text}` }),
  (text) => ({ q: text, state: 'queued', sort: 'priority' }),
  (text) => ({ q: `"refused ${text}"` }),
  (text) => ({ q: `args.0.deep.0.accessToken.a.0:${text}` }),
  (text) => ({ q: `password:${text}` }),
  (text) => ({ q: `args.password:${text}` }),
  (text) => ({ q: `args.0.value:${text}` }),
  (text) => ({ q: `args.1:${text}` }),
  (text) => ({ q: `args.memo:${text}` }),
];

describe('a planted secret', () => {
  it.each(PARTS)(
    'a search gives the same answers for %s as for %s',
    async (part, none) => {
      const differences: string[] = [];
      for (const form of FORMS)
        if ((await answers(form(part), part)) !== (await answers(form(none), none)))
          differences.push(JSON.stringify(form(part)));
      expect(differences).toEqual([]);
    },
    120_000,
  );

  it('a planted secret does not hide its job from searches for visible text', async () => {
    const count = async (q: string) =>
      (await listJobs(console_.ctx(), { ...filterOf({ q }), limit: 100 })).rows.length;
    expect(await count('ordinary')).toBe(60);
    expect(await count('page=1')).toBe(6);
    expect(await count('error:refused')).toBe(22);
    expect(await count('-error:refused state:discarded')).toBe(30);
    expect(await count('args.0.invoice_id:7')).toBe(1);
    expect(await count('label:*ul*')).toBe(71);
  });

  it('a planted secret cannot be searched for by its argument path', () => {
    const refused = [
      'args.0.password:x',
      'args.password:x',
      'args.0.deep.0.accessToken.a:x',
      '-args.0.API_KEY:x',
      'args.0.memo:x',
      'args.1:x',
      'args.memo:x',
      'args.0.パスワード:x',
      'password=x',
      `"token: ${SECRET}"`,
      'error:secret=a*',
      'label:token=x',
      'args.0.x:AKIAIOSFODNN7EXAMPLE',
      '"4111 1111 1111 1111"',
    ];
    expect(refused.filter((q) => filterOf({ q }).terms[0]?.kind !== 'not_understood')).toEqual([]);
    expect(filterOf({ query: `token=${SECRET}` }).terms).toMatchObject([
      { kind: 'not_understood', reason: 'hidden' },
    ]);
    expect(
      filterOf({ q: 'args.0.invoice_id:1 args.2:x tokenize password' }).terms.filter(
        ({ kind }) => kind === 'not_understood',
      ),
    ).toEqual([]);
  });

  it('a planted secret is redacted in every answer', async () => {
    const ctx = console_.ctx();
    const output: unknown[] = [
      await listJobs(ctx, { ...filterOf({}), limit: 100 }),
      await listBatchJobs(ctx, batchId, { ...filterOf({}), limit: 100 }),
      await listBatches(ctx, { state: null, q: '', limit: 25, cursor: null, notUnderstood: [] }),
      await getBatch(ctx, batchId),
    ];
    const { rows } = await listJobs(ctx, { ...filterOf({}), limit: 100 });
    output.push(
      await loadColumns(ctx, rows, parseColumns('args.0.password,args.0.note,args.0,cron')),
      await loadColumns(ctx, rows, parseColumns('args.0.value,args.0.1,args.0.text,error')),
    );
    for (const id of ids) {
      output.push(await getJob(ctx, id, { all: true }), await getRawJob(ctx, id));
      for (const execution of await listExecutions(ctx, id))
        output.push(execution, await getRawExecution(ctx, execution.id));
    }
    for (const format of ['csv', 'ndjson'] as const)
      for await (const chunk of exportJobs(ctx, filterOf({}), format)) output.push(chunk);
    for (const text of [
      'label:',
      'label:to',
      `label:token=${SECRET.slice(0, 2)}`,
      'cron:',
      'cron:n',
      SECRET.slice(0, 3),
      'args.0.',
      'args.0.password:',
      `args.0.password:${SECRET.slice(0, 2)}`,
    ])
      output.push(await completeQuery(ctx, { text, at: text.length }));
    for (const by of ['state', 'queue', 'class'] as const)
      output.push(await chartOfList(ctx, filterOf({}), { range: 'hour', by }));
    const all = JSON.stringify(output);
    for (const secret of [SECRET, PIN]) expect(all.split(secret).length - 1, secret).toBe(0);
    expect(all).toContain('ordinary words');
    expect(all).toContain('[REDACTED]');
  }, 120_000);

  it('a planted secret selects no jobs for a bulk action, at once or in windows', async () => {
    const ctx = console_.ctx();
    for (const q of [SECRET.slice(0, 6), `error:${SECRET}`, `"${SECRET}"`]) {
      const target = {
        kind: 'filter',
        query: String(new URLSearchParams({ q })),
        batchId: null,
      } as const;
      const preview = await previewBulk(ctx, 'retry', target);
      expect(preview).toMatchObject({ total: { kind: 'exact', count: 0 }, states: {} });
      const started = await startBulk(ctx, {
        action: 'retry',
        target: preview.target,
        scheduledAt: null,
        cutOff: preview.cutOff,
        expected: preview.total,
        confirmedCount: null,
      });
      if (started.kind !== 'started') throw new Error(started.kind);
      await getActiveRun(started.runId)?.ended;
      expect(await getRun(ctx, started.runId)).toMatchObject({ state: 'finished', counts: {} });
    }
    const query = String(new URLSearchParams({ q: 'error:refused' }));
    expect(await previewBulk(ctx, 'retry', { kind: 'filter', query, batchId: null })).toMatchObject(
      { total: { kind: 'exact', count: 22 } },
    );
    await expect(
      previewBulk(ctx, 'retry', {
        kind: 'filter',
        query: String(new URLSearchParams({ q: 'args.0.password:x' })),
        batchId: null,
      }),
    ).rejects.toThrow();
    const { rows } = await console_.client.query<{ details: string }>(
      'SELECT details::text FROM good_job_console.audit_events',
    );
    expect(rows.length).toBeGreaterThan(0);
  });
});

it('the chart counts every rechecked job of a small table', async () => {
  const ctx = console_.ctx();
  const chart = await chartOfList(ctx, filterOf({ q: 'ordinary' }), { range: 'hour', by: 'class' });
  expect(chart.accuracy).toEqual({ kind: 'exact' });
  expect(chart.series.flatMap(({ counts }) => counts).reduce((a, b) => a + b, 0)).toBe(60);
});
