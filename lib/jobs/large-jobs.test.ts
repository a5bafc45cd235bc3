import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Columns,
  DISCARDED,
  insertExecution,
  insertJob,
  serializedParams,
} from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { startBulk } from '../bulk/mutations';
import { previewBulk } from '../bulk/preview';
import { getActiveRun } from '../bulk/runner';
import { setRedactionConfig } from '../config/redaction-rules';
import { chartOfList } from './chart';
import { countTabs } from './counts';
import { getJob } from './detail';
import { listExecutions } from './executions';
import { exportJobs } from './export';
import { parseJobFilter } from './filters';
import { listJobs } from './list';
import { downloadText, getRawExecution, getRawJob, reveal } from './raw';
import { loadColumns } from './rows';
import { completeQuery } from './suggestions';
import { parseColumns } from './types';

/*
 * Jobs with texts too large for a list to read: a secret after the limit must be redacted where it
 * is repeated before the limit, and a search must report the job as unsearched.
 */

const SECRET = 'zq7kxw9vjt3m';
const NOWHERE = 'yb4hfp6nqc8d';
const filler = (bytes: number) => 'lorem ipsum '.repeat(Math.ceil(bytes / 12)).slice(0, bytes);
const behind = (bytes: number) => `${filler(bytes)} password=${SECRET}`;

let console_: TestConsole;
beforeAll(async () => {
  setRedactionConfig({});
  console_ = await TestConsole.open('jobs_large');
});
afterAll(async () => {
  setRedactionConfig({});
  await console_.close();
});

const filterOf = (query: Record<string, string>) => parseJobFilter(new URLSearchParams(query));

async function addJob(args: unknown[], columns: Columns = {}): Promise<string> {
  const id = randomUUID();
  return insertJob(console_.client, {
    id,
    ...columns,
    serialized_params: serializedParams(id, {
      arguments: args,
      job_class: columns.job_class ?? 'TestJob',
    }),
  });
}

/** Returns all output about a job without a reveal. */
async function visibleTexts(id: string, job_class: string): Promise<string> {
  const ctx = console_.ctx();
  const page = await listJobs(ctx, { ...filterOf({ job_class }), limit: 100 });
  const all: unknown[] = [
    page,
    await loadColumns(ctx, page.rows, parseColumns('cron,error,labels,args.0.note,args.0')),
    await getJob(ctx, id),
    await getJob(ctx, id, { all: true }),
    await getRawJob(ctx, id),
    await chartOfList(ctx, filterOf({ job_class }), { range: 'day', by: 'queue' }),
    await countTabs(ctx, filterOf({ job_class })),
  ];
  const executions = await listExecutions(ctx, id);
  all.push(executions);
  for (const execution of executions)
    all.push(
      await listExecutions(ctx, id, { wholeId: execution.id }),
      await getRawExecution(ctx, execution.id),
    );
  for (const text of ['label:', `label:${SECRET.slice(0, 3)}`, 'queue:', 'cron:'])
    all.push((await completeQuery(ctx, { text, at: text.length })).items);
  for (const format of ['csv', 'ndjson'] as const)
    for await (const chunk of exportJobs(ctx, filterOf({ job_class }), format)) all.push(chunk);
  return JSON.stringify(all);
}

describe('a secret beyond a size limit is redacted where it is repeated before the limit', () => {
  const repeats = {
    ...DISCARDED,
    error: `LoginError: ${SECRET} was refused`,
    labels: ['bulk', SECRET],
    queue_name: SECRET,
    cron_key: SECRET,
    concurrency_key: `login-${SECRET}`,
  };
  const large = { ...DISCARDED, labels: [SECRET], queue_name: SECRET };
  const cases: [string, unknown[], Columns][] = [
    ['arguments beyond 64 kB', [{ note: SECRET, text: filler(70_000), password: SECRET }], repeats],
    ['arguments beyond 2 MB', [{ note: filler(2_200_000), password: SECRET }], repeats],
    ['arguments stored in more than 256 kB', [{ note: noise(400_000), password: SECRET }], repeats],
    ['an error beyond 64 kB', [], { ...large, error: `${SECRET} ${behind(70_000)}` }],
    ['an error beyond 2 MB', [], { ...large, error: `${SECRET} ${behind(2_200_000)}` }],
    [
      'the 21st label',
      [],
      {
        ...repeats,
        labels: [...Array.from({ length: 20 }, (_, n) => `label ${n}`), `token=${SECRET}`],
      },
    ],
    ['labels beyond 64 kB', [], { ...repeats, labels: [behind(70_000)] }],
    ['a queue of many characters', [], { ...repeats, queue_name: behind(5_000) }],
    ['a concurrency key of many characters', [], { ...repeats, concurrency_key: behind(5_000) }],
  ];
  it.each(cases)('redacts repeats of a secret in %s', async (name, args, columns) => {
    const job_class = `Cut${cases.findIndex(([other]) => other === name)}Job`;
    const id = await addJob(args, { ...columns, job_class });
    await insertExecution(console_.client, id, {
      error: `LoginError: ${SECRET} was refused`,
      error_backtrace: [`app/login.rb:1:in '${SECRET}'`],
      serialized_params: serializedParams(id, { arguments: args }),
      finished_at: new Date(),
    });
    const all = await visibleTexts(id, job_class);
    expect(all.split(SECRET).length - 1).toBe(0);
    expect(all).toContain('[REDACTED]');
  });

  const executions: [string, Columns][] = [
    ['its own arguments', { arguments: [{ text: filler(70_000), password: SECRET }] }],
    ['its error', { error: `${SECRET} ${behind(70_000)}` }],
    [
      'its backtrace',
      {
        error_backtrace: [
          `${SECRET}.rb:1`,
          ...filler(70_000).match(/.{1,100}/g)!,
          `token=${SECRET}`,
        ],
      },
    ],
    [
      'the 201st frame',
      { error_backtrace: [...new Array<string>(201).fill('a.rb:1'), `token=${SECRET}`] },
    ],
  ];
  it.each(executions)(
    'redacts a secret of a large execution: %s',
    async (name, { arguments: args = [], ...columns }) => {
      const job_class = `Execution${executions.findIndex(([other]) => other === name)}Job`;
      const id = await addJob([], { ...DISCARDED, job_class });
      await insertExecution(console_.client, id, {
        error: `LoginError: ${SECRET} was refused`,
        error_backtrace: [`app/login.rb:1:in '${SECRET}'`],
        finished_at: new Date(),
        ...columns,
        serialized_params: serializedParams(id, { arguments: args }),
      });
      const all = await visibleTexts(id, job_class);
      expect(all.split(SECRET).length - 1).toBe(0);
    },
  );
});

/** Text that Postgres cannot compress. */
function noise(length: number): string {
  let text = '';
  for (let n = 1; text.length < length; n = (n * 1103515245 + 12345) % 2147483648)
    text += n.toString(36);
  return text.slice(0, length);
}

describe('a job whose texts are too large to read', () => {
  it.each([
    ['hex', Buffer.from(SECRET).toString('hex')],
    ['base64', Buffer.from(SECRET).toString('base64')],
    ['HTML entities', [...SECRET].map((char) => `&#${char.charCodeAt(0)};`).join('')],
  ])(
    'the job list hides a label that repeats a hidden value in the encoding %s',
    async (_, label) => {
      const id = await addJob([{ password: SECRET }], { labels: [label] });
      const { rows } = await listJobs(console_.ctx(), filterOf({ q: `id:${id}` }));
      expect(rows.map(({ labels }) => labels)).toEqual([['[REDACTED]']]);
    },
  );

  it('the job list reports which text of a job is too large, and its size', async () => {
    const job_class = 'SizedJob';
    await addJob([{ note: filler(100_000) }], { job_class, created_at: '2026-01-03' });
    await addJob([], { job_class, ...DISCARDED, error: filler(70_000), created_at: '2026-01-02' });
    await addJob([{ note: 'small' }], { job_class, created_at: '2026-01-01' });
    const { rows } = await listJobs(console_.ctx(), filterOf({ job_class }));
    expect(rows.map(({ tooLarge }) => tooLarge)).toMatchObject([
      { part: 'arguments', bytes: expect.any(Number) as number },
      { part: 'error', bytes: 70_000 },
      undefined,
    ]);
    expect(rows[1]?.error).toBe('[REDACTED]');
  });

  it('"Show all" shows a redacted text completely up to 2 MB', async () => {
    const text = filler(1_000_000);
    const id = await addJob([{ note: text, password: SECRET }], {
      job_class: 'WholeJob',
      ...DISCARDED,
      error: `${filler(500_000)} ${SECRET} end`,
    });
    const first = await getJob(console_.ctx(), id);
    expect(first).toMatchObject({ argumentsJson: null, error: '[REDACTED]', isWhole: false });
    const whole = await getJob(console_.ctx(), id, { all: true });
    expect(whole?.argumentsJson).toContain(text);
    expect(whole?.argumentsJson).toContain('"password": "[REDACTED]"');
    expect(whole?.error).toBe(`${filler(500_000)} [REDACTED] end`);
    expect(whole?.tooLarge).toBeUndefined();
  });

  it('shows raw JSON of up to 2 MB, and only the size of larger JSON', async () => {
    const small = await addJob([filler(1_900_000)], { job_class: 'RawJob' });
    const large = await addJob([filler(2_200_000)], { job_class: 'RawJob' });
    expect(await getRawJob(console_.ctx(), small)).toHaveProperty('text');
    const raw = await getRawJob(console_.ctx(), large);
    expect(raw).toEqual({ tooLarge: expect.any(Number) as number });
    expect(
      await reveal(console_.ctx({ reason: 'x' }), { jobId: large, executionId: null }),
    ).toEqual(raw);
  });
});

describe('a search with large jobs', () => {
  const count = async (query: Record<string, string>) => {
    const page = await listJobs(console_.ctx(), filterOf(query));
    const { list } = await countTabs(console_.ctx(), filterOf(query));
    return { rows: page.rows.length, unsearched: page.unsearched, list };
  };

  it('searches the first 64 kB of a job of 1 MB, in lists and counts', async () => {
    const job_class = 'FoundJob';
    await addJob([{ note: `needle ${filler(1_000_000)} haystack` }], { job_class });
    await addJob([{ note: 'needle' }], { job_class });
    const isComplete = { unsearched: 0, list: { kind: 'exact' } };
    expect(await count({ job_class, q: 'needle' })).toMatchObject({ ...isComplete, rows: 2 });
    expect(await count({ job_class, q: 'haystack' })).toMatchObject({ ...isComplete, rows: 0 });
    expect(await count({ job_class, q: '-haystack' })).toMatchObject({ ...isComplete, rows: 2 });
  });

  it('a search reports unsearched jobs, never matches them, and has no exact count', async () => {
    const job_class = 'UnsearchedJob';
    for (let n = 0; n < 2; n += 1)
      await addJob([{ note: `needle ${filler(2_200_000)}` }], { job_class });
    await addJob([{ note: 'needle' }], { job_class });
    for (const q of ['needle', '-nothing', '-error:nothing'])
      expect(await count({ job_class, q })).toEqual({
        rows: 1,
        unsearched: 2,
        list: { kind: 'at_least', count: 1 },
      });
    expect(await count({ job_class })).toMatchObject({ rows: 3, unsearched: 0 });
  });

  it('a search has no exact count when a compressed text is too large to search', async () => {
    const job_class = 'NumberJob';
    const id = await addJob(['needle'], { job_class });
    await console_.client.query(
      `UPDATE good_jobs
          SET serialized_params = jsonb_set(serialized_params, '{arguments,1}', '1e100000')
        WHERE id = $1`,
      [id],
    );
    for (const q of ['needle', 'nothing']) {
      const counts = await count({ job_class, q });
      expect(counts).toMatchObject({ rows: 0, unsearched: 1 });
      expect(counts.list.kind).not.toBe('exact');
    }
  });

  it.each([
    ['queue', { queue_name: filler(5_000) }],
    ['cron key', { cron_key: filler(4_097) }],
    ['concurrency key', { concurrency_key: filler(5_000) }],
    ['class', { job_class: `LongJob${'x'.repeat(5_000)}` }],
  ] as [string, Columns][])(
    'reports a job whose %s is too large for a list as unsearched',
    async (name, columns) => {
      const label = `long ${name}`;
      await addJob(['needle'], { labels: [label], ...columns });
      await addJob(['needle'], { labels: [label] });
      const base = `label:"${label}"`;
      for (const q of [`${base} needle`, `${base} -nothing`]) {
        expect(await count({ q })).toEqual({
          rows: 1,
          unsearched: 1,
          list: { kind: 'at_least', count: 1 },
        });
        const chart = await chartOfList(console_.ctx(), filterOf({ q }), {
          range: 'day',
          by: 'class',
        });
        expect(chart.accuracy).toMatchObject({ kind: 'sample' });
        const query = String(new URLSearchParams({ q }));
        const preview = await previewBulk(console_.ctx(), 'discard', {
          kind: 'filter',
          query,
          batchId: null,
        });
        expect(preview).toMatchObject({ total: { kind: 'at_least', count: 1 }, unsearched: 1 });
      }
    },
  );

  it('finds a discarded job by its error despite large arguments within the budget', async () => {
    const job_class = 'LinkedJob';
    await addJob([{ note: filler(1_000_000) }], { job_class, ...DISCARDED, error: 'KeyError: x' });
    const q = 'error:="KeyError: "*';
    expect(await count({ job_class, state: 'discarded', q })).toMatchObject({ rows: 1 });
  });

  it('a search ends at its byte budget, reports how far it got, and resumes there', async () => {
    const job_class = 'HeavyJob';
    for (let n = 0; n < 90; n += 1)
      await addJob([{ note: filler(50_000) }], {
        job_class,
        ...DISCARDED,
        error: n === 0 ? 'needle' : 'straw',
        created_at: new Date(Date.UTC(2026, 0, 1, 0, n)),
      });
    let filter = filterOf({ job_class, q: 'error:needle', sort: '-created' });
    let scanned = 0;
    for (let pages = 1; ; pages += 1) {
      const page = await listJobs(console_.ctx(), filter);
      scanned += page.partial?.scanned ?? 0;
      if (page.rows.length > 0 || !page.next) {
        expect(page.rows).toHaveLength(1);
        expect(pages).toBeGreaterThan(1);
        break;
      }
      filter = { ...filter, cursor: page.next };
    }
    expect(scanned).toBeGreaterThan(40);
  });

  it.each([
    ['many short labels', `labels = array_fill('x'::text, ARRAY[30000])`],
    [
      'numbers that are printed longer than they are stored',
      `serialized_params = jsonb_set(serialized_params, '{arguments,1}', '1e60000')`,
    ],
  ])('reports jobs with %s as unsearched', async (name, change) => {
    const job_class = `Heavy${name.length}Job`;
    for (let n = 0; n < 60; n += 1) await addJob(['needle'], { job_class });
    await console_.client.query(`UPDATE good_jobs SET ${change} WHERE job_class = $1`, [job_class]);
    for (const q of ['needle', 'nothing', '-nothing']) {
      const page = await listJobs(console_.ctx(), { ...filterOf({ job_class, q }), limit: 100 });
      expect(page.unsearched).toBeGreaterThan(0);
      expect((await countTabs(console_.ctx(), filterOf({ job_class, q }))).list.kind).not.toBe(
        'exact',
      );
    }
  });

  it('a search ends when labels use up its byte budget', async () => {
    const job_class = 'HeavyLabelJob';
    for (let n = 0; n < 60; n += 1) await addJob(['needle'], { job_class });
    await console_.client.query(
      `UPDATE good_jobs SET labels = ARRAY[repeat('tenant: ab ', 5500)] WHERE job_class = $1`,
      [job_class],
    );
    for (const q of ['needle', 'nothing', '-nothing']) {
      const page = await listJobs(console_.ctx(), { ...filterOf({ job_class, q }), limit: 100 });
      expect(page.partial?.scanned).toBeLessThan(40);
      expect((await countTabs(console_.ctx(), filterOf({ job_class, q }))).list.kind).not.toBe(
        'exact',
      );
    }
  });

  it('a bulk action changes all jobs with large texts, in windows limited by bytes', async () => {
    const job_class = 'WindowsJob';
    for (let n = 0; n < 100; n += 1)
      await addJob([filler(50_000)], { job_class, ...DISCARDED, error: 'Timeout: needle' });
    const query = String(new URLSearchParams({ job_class, q: 'error:needle' }));
    const ctx = console_.ctx();
    const preview = await previewBulk(ctx, 'retry', { kind: 'filter', query, batchId: null });
    expect(preview.total.kind).toBe('at_least');
    expect(preview.total.count).toBeLessThan(50);
    const started = await startBulk(ctx, {
      action: 'retry',
      target: preview.target,
      scheduledAt: null,
      cutOff: preview.cutOff,
      expected: preview.total,
      confirmedCount: preview.total.count,
    });
    if (started.kind !== 'started') throw new Error(started.kind);
    await getActiveRun(started.runId)?.ended;
    const { rows } = await console_.client.query(
      'SELECT count(*)::int AS open FROM good_jobs WHERE job_class = $1 AND finished_at IS NULL',
      [job_class],
    );
    expect(rows).toEqual([{ open: 100 }]);
  });

  it('a bulk action changes searched jobs and reports unsearched ones', async () => {
    const job_class = 'BulkJob';
    const error = 'Timeout: needle';
    await addJob([{ note: filler(200_000) }], { job_class, ...DISCARDED, error });
    const small = await addJob([], { job_class, ...DISCARDED, error });
    const query = String(new URLSearchParams({ job_class, q: 'error:needle' }));
    const ctx = console_.ctx();
    const preview = await previewBulk(ctx, 'retry', { kind: 'filter', query, batchId: null });
    expect(preview).toMatchObject({ total: { kind: 'at_least', count: 1 }, unsearched: 1 });
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
    const { rows } = await console_.client.query<{ id: string }>(
      'SELECT id FROM good_jobs WHERE job_class = $1 AND finished_at IS NULL',
      [job_class],
    );
    expect(rows).toEqual([{ id: small }]);
  });

  it('a search of large jobs is the same for part of a secret and for a missing text', async () => {
    const job_class = 'OracleJob';
    for (let n = 0; n < 4; n += 1)
      await addJob([{ password: SECRET, note: filler(n % 2 ? 2_200_000 : 70_000) }], {
        job_class,
        ...DISCARDED,
        error: `${n % 3 ? filler(100) : filler(80_000)} ${SECRET}`,
        labels: [SECRET],
        created_at: new Date(Date.UTC(2026, 0, 1, 0, n)),
      });
    const answers = async (text: string) => {
      const ctx = console_.ctx();
      const all: unknown[] = [];
      for (const q of [text, `-${text}`, `error:${text}`, `-error:*${text}*`, `label:*${text}*`]) {
        const filter = filterOf({ job_class, q });
        all.push(
          await listJobs(ctx, filter),
          await listJobs(ctx, { ...filter, limit: 2 }, { firstWindow: 3 }),
          await countTabs(ctx, filter),
        );
        const query = String(new URLSearchParams({ job_class, q }));
        const { total, unsearched } = await previewBulk(ctx, 'retry', {
          kind: 'filter',
          query,
          batchId: null,
        });
        all.push(total, unsearched);
      }
      return JSON.stringify(all).replaceAll(text, '…');
    };
    for (const [from, to] of [
      [0, 3],
      [0, 12],
      [4, 9],
    ] as const)
      expect(await answers(SECRET.slice(from, to))).toBe(await answers(NOWHERE.slice(from, to)));
  }, 120_000);
});

it('suggests no class, queue or label of more than 1,000 bytes', async () => {
  await addJob([], { job_class: `Completed${'x'.repeat(2_000)}`, labels: [filler(2_000)] });
  await addJob([], { job_class: 'CompletedJob', queue_name: filler(2_000), labels: ['short'] });
  for (const text of ['class:', 'class:Completed', 'queue:', 'label:']) {
    const { items } = await completeQuery(console_.ctx(), { text, at: text.length });
    expect(items.every(({ insert }) => insert.length < 1_100)).toBe(true);
  }
});

describe('a download without redaction', () => {
  const text = async (stream: ReadableStream<Uint8Array> | null) =>
    stream && new Response(stream).text();

  it('a download has the whole text and is recorded before its first byte', async () => {
    const note = `${filler(3_000_000)}é${SECRET}`;
    const jobId = await addJob([{ note }], { ...DISCARDED, error: `あ${filler(300_000)}` });
    const ctx = console_.ctx({ reason: 'ticket 12' });
    const target = { jobId, executionId: null, part: 'payload' } as const;
    const payload = (await text(await downloadText(ctx, target))) ?? '';
    expect((JSON.parse(payload) as { arguments: unknown }).arguments).toEqual([{ note }]);
    expect(await text(await downloadText(ctx, { ...target, part: 'error' }))).toBe(
      `あ${filler(300_000)}`,
    );
    const { rows } = await console_.client.query(
      `SELECT reason, details FROM good_job_console.audit_events WHERE action = 'argument.reveal'
        AND $1 = ANY(target_ids) ORDER BY id`,
      [jobId],
    );
    expect(rows).toEqual([
      { reason: 'ticket 12', details: { download: 'payload' } },
      { reason: 'ticket 12', details: { download: 'error' } },
    ]);
  });

  it('a download is rejected without a reason or the permission to reveal', async () => {
    const jobId = await addJob(['x']);
    const target = { jobId, executionId: null, part: 'payload' } as const;
    await expect(downloadText(console_.ctx(), target)).rejects.toMatchObject({
      code: 'reason_required',
    });
    for (const role of ['viewer', 'operator'] as const)
      await expect(downloadText(console_.ctx({ role, reason: 'x' }), target)).rejects.toMatchObject(
        { code: 'forbidden' },
      );
  });

  it('a download needs only a few MB of memory for a text of 40 MB', async () => {
    const jobId = await addJob([]);
    await console_.client.query(
      `UPDATE good_jobs
          SET serialized_params = jsonb_build_object(
                'arguments', jsonb_build_array(repeat('0123456789', 4000000)))
        WHERE id = $1`,
      [jobId],
    );
    const stream = await downloadText(console_.ctx({ reason: 'x' }), {
      jobId,
      executionId: null,
      part: 'payload',
    });
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    let bytes = 0;
    let most = 0;
    for await (const slice of stream ?? []) {
      bytes += slice.length;
      const { arrayBuffers, heapUsed } = process.memoryUsage();
      most = Math.max(most, arrayBuffers + heapUsed - before);
    }
    expect(bytes).toBeGreaterThan(40_000_000);
    expect(most).toBeLessThan(100_000_000);
  });
});

describe('an export', () => {
  it('an export marks texts that are too large and records its number of rows', async () => {
    const job_class = 'ExportedJob';
    await addJob([filler(300_000)], { job_class, created_at: '2026-01-02' });
    await addJob(['small'], { job_class, ...DISCARDED, error: filler(300_000) });
    let file = '';
    for await (const chunk of exportJobs(console_.ctx(), filterOf({ job_class }), 'ndjson'))
      file += chunk;
    expect(file.match(/\[too large to export(: 300000 bytes)?\]/g)).toHaveLength(2);
    const { rows } = await console_.client.query(
      `SELECT viewer, counts, details FROM good_job_console.audit_events WHERE action = 'job.export'
        ORDER BY id DESC LIMIT 1`,
    );
    expect(rows).toEqual([
      {
        viewer: 'tester',
        counts: { exported: 2 },
        details: { filter: `job_class=${job_class}`, format: 'ndjson', complete: true },
      },
    ]);
  });

  it('an export limits the bytes of labels in a chunk like those of other texts', async () => {
    const job_class = 'LabelledJob';
    for (let n = 0; n < 40; n += 1) await addJob([], { job_class, labels: ['a'.repeat(200_000)] });
    let most = 0;
    let bytes = 0;
    for await (const chunk of exportJobs(console_.ctx(), filterOf({ job_class }), 'ndjson')) {
      most = Math.max(most, chunk.length);
      bytes += chunk.length;
    }
    expect(bytes).toBeGreaterThan(8_000_000);
    expect(most).toBeLessThan(2_500_000);
  });

  it('an export records the rows read so far when the client disconnects', async () => {
    const job_class = 'LeftJob';
    await addJob(['small'], { job_class });
    const chunks = exportJobs(console_.ctx(), filterOf({ job_class }), 'csv');
    await chunks.next();
    await chunks.next();
    await chunks.return();
    const { rows } = await console_.client.query(
      `SELECT counts, details->'complete' AS complete FROM good_job_console.audit_events
        WHERE action = 'job.export' ORDER BY id DESC LIMIT 1`,
    );
    expect(rows).toEqual([{ counts: { exported: 1 }, complete: false }]);
  });
});
