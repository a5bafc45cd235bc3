import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestConsole } from '../../test/harness/test-console';
import { type Cursor, cursorParams } from '../core/urls';
import { countTabs } from './counts';
import { parseJobFilter } from './filters';
import { listJobs } from './list';

/*
 * Compares every filter, and every pair of filters, with independent SQL: the expected conditions,
 * order and pages do not come from the code under test.
 */

const T = Date.parse('2026-11-20T10:00:00Z');
const at = (seconds: number, micros = 0) =>
  new Date(T + seconds * 1000)
    .toISOString()
    .replace(/000Z$/, `${String(micros).padStart(6, '0').slice(3)}Z`)
    .replace(/\.(\d{3})(\d{3})Z$/, `.${String(micros).padStart(6, '0')}Z`);
const FUTURE = '2099-01-01T00:00:00Z';
const PROCESS = '11111111-2222-4333-8444-555555555555';
const BATCH = 'abcdef01-2345-4678-9abc-def012345678';
const HEX = 'cafe0123-0000-4000-8000-000000000001';

const CLASSES = [
  'InvoiceMailer',
  'InvoiceMailer::Send',
  'Ünïcode::Job',
  '請求::送信Job',
  '',
  'A*b\\c',
  '100%_Job',
  null,
];
const QUEUES = ['default', 'mailers', '日本語キュー', '', 'a, b', null];
const LABELS = [null, [], ['bulk'], ['bulk', '月次, 請求'], [''], ['"quoted"', 'Ünï*'], [null]];
const ERRORS = [
  null,
  '',
  'Net::ReadTimeout: Net::ReadTimeout with #<TCPSocket:(closed)>',
  '請求エラー: "明細" 100%\n2行目',
  'ÀÉ boom \\ end',
];
const ARGUMENTS = [
  '[]',
  'null',
  '{"not": "an array"}',
  '["4711"]',
  '[4711]',
  '[{"invoice_id": 4711, "note": "請求書 \\"写し\\" \\\\ 税込\\n改行", "_aj_symbol_keys": ["invoice_id"]}]',
  '[{"invoice_id": 12345678901234567890, "rate": 1.10, "ok": true, "none": null}]',
  '[{"_aj_globalid": "gid://app/User/1"}, "second"]',
  `["${HEX}"]`,
  '[{"at": {"_aj_serialized": "ActiveJob::Serializers::SymbolSerializer", "value": "finish"}, "請求番号": "A.1"}]',
  '["%_\\u0001x", [["deep"]]]',
  '["null", "true"]',
];

/** A seeded random number generator, so that every run has the same data. */
function newRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
}

let console_: TestConsole;

beforeAll(async () => {
  console_ = await TestConsole.open('jobs_oracle');
  const random = newRandom(20_261_120);
  const pick = <V>(list: readonly V[]): V => list[Math.floor(random() * list.length)] as V;
  const hex = () => Math.floor(random() * 16).toString(16);
  const { client } = console_;
  const executedJobIds: string[] = [];
  for (let n = 0; n < 260; n += 1) {
    const id =
      [HEX, 'cafe0123-0000-4000-8000-000000000002'][n] ??
      Array.from({ length: 32 }, hex)
        .join('')
        .replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5');
    // Many jobs share a timestamp, and some are a microsecond apart, so that a page can end between
    // them.
    const moment = () => at(pick([0, 0, 0, 60, 120, 3600]), pick([0, 0, 1, 123456, 123457]));
    const finished = random() < 0.55 ? moment() : null;
    await client.query(
      `INSERT INTO good_jobs (id, active_job_id, queue_name, priority, job_class, serialized_params,
        scheduled_at, performed_at, finished_at, error, created_at, updated_at,
         cron_key, cron_at, batch_id, batch_callback_id, executions_count, labels, locked_by_id)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now(), $12, $13, $14, $15, $16, $17,
         $18)`,
      [
        id,
        random() < 0.95 ? id : randomUUID(),
        pick(QUEUES),
        pick([0, 0, 5, -10, null]),
        pick(CLASSES),
        random() < 0.05 ? null : `{"arguments": ${pick(ARGUMENTS)}}`,
        pick([null, moment(), moment(), FUTURE]),
        finished || random() < 0.3 ? moment() : null,
        finished,
        pick(ERRORS),
        moment(),
        pick([null, null, 'nightly', '毎時']),
        at(n),
        pick([null, null, BATCH]),
        pick([null, null, null, BATCH]),
        pick([null, 0, 1, 3, 25]),
        pick(LABELS),
        pick([null, null, null, PROCESS]),
      ],
    );
    if (random() < 0.2)
      await client.query(
        `INSERT INTO good_job_executions (active_job_id, process_id, created_at, updated_at)
         VALUES ($1, $2, now(), now())`,
        [id, pick([PROCESS, randomUUID()])],
      );
    executedJobIds.push(id);
  }
  // A separate generator, so that these rows do not change the data above.
  const executionRandom = newRandom(4_711);
  for (const id of executedJobIds)
    for (; executionRandom() < 0.4;)
      await client.query(
        `INSERT INTO good_job_executions (active_job_id, created_at, updated_at, error)
         VALUES ($1, $2, now(), $3)`,
        [
          id,
          at(executionRandom() < 0.5 ? 0 : 60, executionRandom() < 0.5 ? 0 : 123456),
          executionRandom() < 0.5 ? null : 'E: x',
        ],
      );
  await client.query('ANALYZE');
});
afterAll(() => console_.close());

const READY = 'coalesce(scheduled_at, created_at)';
const STATE = `CASE
  WHEN finished_at IS NOT NULL AND error IS NULL THEN 'succeeded'
  WHEN finished_at IS NOT NULL THEN 'discarded'
  WHEN performed_at IS NOT NULL THEN 'running'
  WHEN ${READY} <= now() THEN 'queued'
  WHEN error IS NULL THEN 'scheduled'
  ELSE 'retried' END`;
const lit = (text: string) => `'${text.replaceAll("'", "''")}'`;
const like = (text: string) => text.replaceAll(/[\\%_]/g, '\\$&');
const ARGS = `serialized_params -> 'arguments'`;
const contains = (column: string, pattern: string) =>
  `coalesce(${column}, '') ILIKE ${lit(`%${pattern}%`)}`;
const text = (words: string) => `(
  ${contains('job_class', like(words))}
  OR ${contains('error', like(words))}
  OR ${contains(`array_to_string(labels, E'\\n')`, like(words))}
  OR ${contains(`(${ARGS})::text`, like(words))}
  OR ${contains(`(${ARGS})::text`, like(JSON.stringify(words).slice(1, -1)))})`;
/** Matches a LIKE pattern in any text of the job. */
const textLike = (pattern: string) => `(
  ${contains('job_class', pattern)}
  OR ${contains('error', pattern)}
  OR ${contains(`(${ARGS})::text`, pattern)}
  OR EXISTS (SELECT FROM unnest(labels) l WHERE l ILIKE ${lit(`%${pattern}%`)}))`;
const not = (condition: string) => `NOT coalesce(${condition}, false)`;
const hasExecution = (condition: string) => `EXISTS (
  SELECT FROM good_job_executions e
   WHERE e.active_job_id = good_jobs.id AND ${condition})`;
const byId = (prefix: string) =>
  `(id::text LIKE '${prefix}%' OR active_job_id::text LIKE '${prefix}%')`;

/** A filter as query parameters, and the equivalent SQL. A pair of filters has both `q` joined. */
const FILTERS: [Record<string, string>, string][] = [
  [{}, 'true'],
  ...['scheduled', 'retried', 'queued', 'running', 'succeeded', 'discarded'].flatMap(
    (state): [Record<string, string>, string][] => [
      [{ state }, `${STATE} = '${state}'`],
      [{ q: `-state:${state}` }, `${STATE} <> '${state}'`],
    ],
  ),
  [{ q: 'state:succeeded,discarded' }, 'finished_at IS NOT NULL'],
  [{ q: 'state:queued,scheduled,retried' }, 'finished_at IS NULL AND performed_at IS NULL'],
  [{ job_class: 'InvoiceMailer' }, `job_class = 'InvoiceMailer'`],
  [{ job_class: 'A*b\\c' }, `job_class = 'A*b\\c'`],
  [{ q: 'class:InvoiceMailer*' }, `job_class LIKE 'InvoiceMailer%'`],
  [{ q: 'class:*Job,"A*b\\\\c"' }, `job_class LIKE '%Job' OR job_class = 'A*b\\c'`],
  [{ q: 'class:100%_*' }, `job_class LIKE '100\\%\\_%'`],
  [{ q: 'class:""' }, `job_class = ''`],
  [{ q: '-class:*' }, 'job_class IS NULL'],
  [{ queue_name: 'default' }, `queue_name = 'default'`],
  [{ queue_name: '日本語キュー' }, `queue_name = '日本語キュー'`],
  [{ q: 'queue:"a, b",mailers' }, `queue_name IN ('a, b', 'mailers')`],
  [{ q: '-queue:default' }, `queue_name IS DISTINCT FROM 'default'`],
  [{ label: 'bulk' }, `'bulk' = ANY(labels)`],
  [{ q: 'label:"月次, 請求",""' }, `'月次, 請求' = ANY(labels) OR '' = ANY(labels)`],
  [{ q: '-label:bulk' }, not(`'bulk' = ANY(labels)`)],
  [{ q: 'label:Ü*' }, `array_to_string(labels, E'\\n') ~ '(^|\\n)Ü'`],
  [{ cron_key: 'nightly' }, `cron_key = 'nightly'`],
  [{ q: '-cron:nightly,毎時' }, 'cron_key IS NULL'],
  [
    { process_id: PROCESS },
    `locked_by_id = '${PROCESS}' OR ${hasExecution(`e.process_id = '${PROCESS}'`)}`,
  ],
  [{ finished_since: '3_hours_ago' }, `finished_at >= now() - interval '3 hours'`],
  [{ q: 'finished:<2h' }, `finished_at < now() - interval '2 hours'`],
  [{ q: 'created:>2026-11-20T10:00:00.123456Z' }, `created_at > '2026-11-20 10:00:00.123456'`],
  [
    { q: 'created:2026-11-20..2026-11-20T19:01+09:00' },
    `created_at >= '2026-11-20' AND created_at <= '2026-11-20 10:01'`,
  ],
  [{ q: 'scheduled:<=2026-11-20T10:01:00Z' }, `${READY} <= '2026-11-20 10:01'`],
  [
    { q: '-performed:2026-11-20' },
    not(`performed_at >= '2026-11-20' AND performed_at < '2026-11-21'`),
  ],
  [{ q: 'priority:0,5..9' }, 'priority = 0 OR priority BETWEEN 5 AND 9'],
  [{ q: '-priority:<0' }, 'priority >= 0 OR priority IS NULL'],
  [{ q: 'attempts:>=3' }, 'executions_count >= 3'],
  [{ q: 'attempts:0' }, 'coalesce(executions_count, 0) = 0'],
  [{ q: `batch:${BATCH}` }, `batch_id = '${BATCH}'`],
  [{ q: `-callback_batch:${BATCH.slice(0, 13)}` }, `batch_callback_id IS NULL`],
  [{ q: 'id:cafe0123' }, byId('cafe0123')],
  [{ q: HEX }, `id = '${HEX}'`],
  [{ query: 'CAFE0123' }, byId('cafe0123')],
  [{ q: `"${HEX}"` }, text(HEX)],
  [{ q: BATCH }, `batch_id = '${BATCH}'`],
  [{ q: 'deadbeef99' }, text('deadbeef99')],
  [{ q: 'error:net::readtimeout' }, `error ILIKE '%Net::ReadTimeout%'`],
  [{ q: 'error:*end' }, `error LIKE '% end'`],
  [{ q: '-error:*' }, 'error IS NULL'],
  [{ q: 'error:100%' }, `error LIKE '%100\\%%'`],
  [{ q: 'error:="ÀÉ boom \\\\ end"' }, `error LIKE 'ÀÉ boom%'`],
  [{ q: 'error:=net*' }, 'false'],
  [{ q: '-error:="",Net::*' }, not(`error = '' OR error LIKE 'Net::%'`)],
  [
    { q: 'attempted:2026-11-20T10:00:00.123456Z..2026-11-20T10:00:59Z' },
    hasExecution(
      `e.created_at >= '2026-11-20 10:00:00.123456' AND e.created_at <= '2026-11-20 10:00:59'`,
    ),
  ],
  [
    { q: '-attempted:2026-11-20' },
    not(hasExecution(`e.created_at >= '2026-11-20' AND e.created_at < '2026-11-21'`)),
  ],
  [
    { q: 'attempt_failed:<=2026-11-20T10:00:00.123456Z' },
    hasExecution(`e.error IS NOT NULL AND e.created_at <= '2026-11-20 10:00:00.123456'`),
  ],
  [
    { q: '-attempt_failed:>2026-11-20T10:00:30Z' },
    not(hasExecution(`e.error IS NOT NULL AND e.created_at > '2026-11-20 10:00:30'`)),
  ],
  [{ q: '請求' }, text('請求')],
  [{ q: 'ünïcode' }, text('Ünïcode')],
  [{ query: 'net::readtimeout with' }, text('net::readtimeout with')],
  [{ q: '-gid://app/User' }, not(text('gid://app/User'))],
  [{ q: 'net::*timeout' }, textLike('net::%timeout')],
  [{ q: '-net::*with' }, not(textLike('net::%with'))],
  [{ q: '100%*' }, textLike('100\\%')],
  [{ query: 'net::*timeout' }, text('net::*timeout')],
  [{ q: '"\\"写し\\" \\\\ 税込"' }, text('"写し" \\ 税込')],
  [{ query: '"invoice_id": 4711' }, text('"invoice_id": 4711')],
  [{ q: '%_' }, text('%_')],
  [{ q: 'args.0:4711' }, `${ARGS} ->> 0 = '4711'`],
  [
    { q: 'args.0.invoice_id:4711,12345678901234567890' },
    `${ARGS} -> 0 ->> 'invoice_id' IN ('4711', '12345678901234567890')`,
  ],
  [{ q: 'args.invoice_id:4711' }, `${ARGS} @> '[{"invoice_id": 4711}]'`],
  [{ q: 'args.0.rate:1.10 args.0.ok:true args.0.none:null' }, `${ARGS} @> '[{"none": null}]'`],
  [{ q: 'args.0.rate:1.1' }, 'false'],
  [{ q: 'args.0:gid://app/User/1 args.1:second' }, `${ARGS} @> '["second"]'`],
  [{ q: 'args.0.at:finish' }, `(${ARGS})::text LIKE '%"finish"%'`],
  [{ q: 'args.0.請求番号:A.1' }, `(${ARGS})::text LIKE '%"A.1"%'`],
  [{ q: 'args.1.0.0:deep' }, `(${ARGS})::text LIKE '%deep%'`],
  [{ q: '-args.0:null' }, not(`${ARGS} ->> 0 = 'null'`)],
];

const SORTS: [string, string[], RegExp][] = [
  ['created', ['created_at'], /./],
  ['scheduled', [READY], /./],
  ['finished', [`coalesce(finished_at, 'infinity')`], /./],
  ['performed', ['performed_at'], /^running$/],
  ['priority', ['coalesce(priority, 2147483647)', READY], /^(scheduled|retried|queued|running)$/],
];
const by = (keys: string[], way: string) =>
  [...keys, 'id'].map((key) => `${key} ${way}`).join(', ');

const NATURAL: Record<string, string> = {
  scheduled: by([READY], 'ASC'),
  retried: by([READY], 'ASC'),
  queued: by([READY], 'ASC'),
  running: by(['performed_at'], 'DESC'),
  succeeded: by(['finished_at'], 'DESC'),
  discarded: by(['finished_at'], 'DESC'),
};

function naturalOrder(states: string[], params: Record<string, string>): string {
  const orders = new Set(states.map((state) => NATURAL[state]));
  const [limited, ...others] = new Set(
    [...(params.q ?? '').matchAll(/(?<![-\w])(created|scheduled|performed|finished):/g)].map(
      ([, field]) => field,
    ),
  );
  const byTime =
    others.length > 0
      ? undefined
      : {
          scheduled: by([READY], 'DESC'),
          finished: by([`coalesce(finished_at, 'infinity')`], 'DESC'),
        }[limited ?? ''];
  return (orders.size === 1 && [...orders][0]) || (byTime ?? by(['created_at'], 'DESC'));
}

async function oracle(conditions: string[], order: string): Promise<string[]> {
  const { rows } = await console_.client.query<{ id: string }>(
    `SELECT id FROM good_jobs WHERE ${conditions.map((one) => `(${one})`).join(' AND ')}
      ORDER BY ${order}`,
  );
  return rows.map(({ id }) => id);
}

function together(...filters: Record<string, string>[]): Record<string, string> {
  const q = filters
    .map((filter) => filter.q)
    .filter(Boolean)
    .join(' ');
  return { ...(Object.assign({}, ...filters) as Record<string, string>), ...(q ? { q } : {}) };
}

/** Reads all pages. `isRowDeleted` deletes the row of each cursor. */
async function pages(
  params: Record<string, string>,
  link: 'next' | 'previous',
  start: Cursor | null = null,
  { isRowDeleted = false, firstWindow = 1_000, searchBudgetMs = 5_000 } = {},
): Promise<{ ids: string[]; last: Cursor | null }> {
  const ids: string[] = [];
  let cursor = start;
  let last: Cursor | null = null;
  for (let guard = 0; guard < 300; guard += 1) {
    const page = await listJobs(
      console_.ctx({ searchBudgetMs }),
      parseJobFilter(new URLSearchParams({ ...params, ...(cursor ? cursorParams(cursor) : {}) })),
      { firstWindow },
    );
    if (searchBudgetMs > 0) expect(page.partial).toBeNull();
    const read = page.rows.map(({ id }) => id);
    ids.splice(link === 'next' ? ids.length : 0, 0, ...read);
    last = link === 'next' ? page.previous : page.next;
    cursor = page[link];
    if (!cursor) return { ids, last };
    if (isRowDeleted)
      await console_.client.query('DELETE FROM good_jobs WHERE id = $1', [cursor.id]);
  }
  throw new Error('The pages have no end.');
}

const statesOf = async (conditions: string[]) =>
  (
    await console_.client.query<{ state: string }>(
      `SELECT unnest(ARRAY['scheduled', 'retried', 'queued', 'running', 'succeeded', 'discarded'])
        AS state`,
    )
  ).rows
    .map(({ state }) => state)
    .filter((state) =>
      conditions.every((condition) => {
        const wanted = /^CASE/.test(condition) && /(=|<>) '(\w+)'$/.exec(condition);
        if (wanted) return (wanted[2] === state) === (wanted[1] === '=');
        if (condition === 'finished_at IS NOT NULL') return /succ|disc/.test(state);
        return (
          condition !== 'finished_at IS NULL AND performed_at IS NULL' ||
          /sched|retr|queu/.test(state)
        );
      }),
    );

describe('every filter', () => {
  it.each(FILTERS)('pages through the jobs of the filter %o', async (params, condition) => {
    const expected = await oracle([condition], naturalOrder(await statesOf([condition]), params));
    const forwards = await pages({ ...params, limit: '7' }, 'next');
    expect(forwards.ids).toEqual(expected);
    if (forwards.last)
      expect((await pages({ ...params, limit: '7' }, 'previous', forwards.last)).ids).toEqual(
        expected.slice(0, Math.floor((expected.length - 1) / 7) * 7),
      );
  });
  it('every filter matches at least one job, unless it is meant to match none', async () => {
    const empty: string[] = [];
    for (const [params, condition] of FILTERS)
      if ((await oracle([condition], 'id')).length === 0) empty.push(JSON.stringify(params));
    expect(empty).toEqual([
      '{"finished_since":"3_hours_ago"}',
      '{"q":"deadbeef99"}',
      '{"q":"error:=net*"}',
      '{"query":"net::*timeout"}',
      '{"q":"args.0.rate:1.1"}',
    ]);
  });
});

describe('counts', () => {
  it.each(FILTERS)('counts the jobs of the filter %o', async (params, condition) => {
    const { rows } = await console_.client.query<{ state: string; count: number }>(
      `SELECT ${STATE} AS state, count(*)::int FROM good_jobs WHERE ${condition} GROUP BY 1`,
    );
    const counted = await countTabs(console_.ctx(), parseJobFilter(new URLSearchParams(params)));
    // The selected tab does not limit the counts of the tabs.
    const total = rows.reduce((sum, { count }) => sum + count, 0);
    if (params.state) expect(counted.list).toEqual({ kind: 'exact', count: total });
    else {
      expect(counted).toMatchObject({
        all: { kind: 'exact', count: total },
        list: { kind: 'exact', count: total },
      });
      for (const { state, count } of rows)
        expect(counted.tabs).toMatchObject({ [state]: { kind: 'exact', count } });
    }
  });
});

describe('every two filters', () => {
  it.each(FILTERS.map((filter, n) => [n, filter] as const))(
    'combines filter %i with every later filter',
    async (n, [params, condition]) => {
      for (const [otherParams, otherCondition] of FILTERS.slice(n + 1)) {
        const taken = Object.keys(params).some((name) => name !== 'q' && name in otherParams);
        if (taken) continue;
        const expected = await oracle(
          [condition, otherCondition],
          naturalOrder(await statesOf([condition, otherCondition]), together(params, otherParams)),
        );
        const { rows } = await listJobs(
          console_.ctx({ searchBudgetMs: 5_000 }),
          parseJobFilter(new URLSearchParams({ ...together(params, otherParams), limit: '100' })),
        );
        expect([together(params, otherParams), rows.map(({ id }) => id)]).toEqual([
          together(params, otherParams),
          expected.slice(0, 100),
        ]);
      }
    },
  );
});

describe('every sort', () => {
  it.each(
    SORTS.flatMap(([sort, keys]) => [
      [sort, by(keys, 'ASC')] as const,
      [`-${sort}`, by(keys, 'DESC')] as const,
    ]),
  )('pages through every state in the order %s', async (sort, order) => {
    const suits = SORTS.find(([column]) => column === sort.replace('-', ''))?.[2] ?? /./;
    for (const state of [
      null,
      'scheduled',
      'retried',
      'queued',
      'running',
      'succeeded',
      'discarded',
    ].filter((one) => suits.test(one ?? 'all'))) {
      const params = { sort, limit: '9', ...(state ? { state } : {}) };
      const expected = await oracle([state ? `${STATE} = '${state}'` : 'true'], order);
      const forwards = await pages(params, 'next');
      expect([params, forwards.ids]).toEqual([params, expected]);
      if (forwards.last)
        expect((await pages(params, 'previous', forwards.last)).ids).toEqual(
          expected.slice(0, Math.floor((expected.length - 1) / 9) * 9),
        );
    }
  });
});

describe('pages', () => {
  it('pages are consistent for any filters, sort and length', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.subarray(FILTERS, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(...SORTS.slice(0, 3)),
        fc.boolean(),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(3, 50, 1_000),
        async (filters, [sort, keys], descending, limit, firstWindow) => {
          const names = filters.flatMap(([params]) =>
            Object.keys(params).filter((name) => name !== 'q'),
          );
          fc.pre(new Set(names).size === names.length);
          const expected = await oracle(
            filters.map(([, condition]) => condition),
            by(keys, descending ? 'DESC' : 'ASC'),
          );
          const params = {
            ...together(...filters.map(([one]) => one)),
            sort: descending ? `-${sort}` : sort,
            limit: String(limit),
          };
          const forwards = await pages(params, 'next', null, { firstWindow });
          expect(forwards.ids).toEqual(expected);
          if (forwards.last)
            expect((await pages(params, 'previous', forwards.last, { firstWindow })).ids).toEqual(
              expected.slice(0, Math.floor((expected.length - 1) / limit) * limit),
            );
        },
      ),
      { numRuns: 120, seed: 4711 },
    );
  }, 120_000);
  it('pages are the same when the search ends after each window and resumes', async () => {
    for (const [params, condition] of FILTERS) {
      const expected = await oracle([condition], naturalOrder(await statesOf([condition]), params));
      expect([
        params,
        (await pages(params, 'next', null, { firstWindow: 40, searchBudgetMs: 0 })).ids,
      ]).toEqual([params, expected]);
    }
  }, 120_000);
  it('pages are the same without the indexes of GoodJob 4.18', async () => {
    const older = await console_.dropIndexes([
      'queue_name',
      'created_at',
      'discarded',
      'scheduled_at_and_queue_name',
      'unfinished_or_errored',
      'job_class',
    ]);
    for (const [params, condition] of FILTERS) {
      const expected = await oracle([condition], naturalOrder(await statesOf([condition]), params));
      const { rows } = await listJobs(
        older,
        parseJobFilter(new URLSearchParams({ ...params, limit: '100' })),
      );
      expect([params, rows.map(({ id }) => id)]).toEqual([params, expected.slice(0, 100)]);
    }
    for (const [sort, keys, suits] of SORTS) {
      const state: Record<string, string> = suits.test('all') ? {} : { state: 'running' };
      const { rows } = await listJobs(
        older,
        parseJobFilter(new URLSearchParams({ ...state, sort: `-${sort}`, limit: '100' })),
      );
      expect(rows.map(({ id }) => id)).toEqual(
        (await oracle(state.state ? [`${STATE} = 'running'`] : ['true'], by(keys, 'DESC'))).slice(
          0,
          100,
        ),
      );
    }
  });
  // These tests run last, because they delete jobs.
  it.each([
    '',
    'state=queued',
    'state=discarded',
    'sort=-finished',
    'state=queued&sort=-priority',
    'q=請求',
    'queue_name=default&sort=scheduled',
  ])('pages resume at the position of a deleted row: %s', async (query) => {
    const params = Object.fromEntries(new URLSearchParams(query));
    const expected = (await pages(params, 'next')).ids;
    expect(
      (await pages({ ...params, limit: '6' }, 'next', null, { isRowDeleted: true })).ids,
    ).toEqual(expected);
  });
});
