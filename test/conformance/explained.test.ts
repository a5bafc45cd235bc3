import { LosslessNumber } from 'lossless-json';
import { describe, expect, test } from 'vitest';
import { isObject } from './expectation';
import { explained } from './explained';
import { README_APP, recordedApp } from './recorded-app';
import { situationOf } from './situation';
import { type Json, type Row, TABLES, type Vector, flagsOf, readVectors, shifted } from './vector';

const vectors = await readVectors(new URL('vectors.jsonl.gz', import.meta.url));
const named = (name: string, strategy = 'advisory') =>
  vectors.find((vector) => vector.name === name && vector.lock_strategy === strategy) as Vector;

function waysOf(vector: Vector): string[] | null {
  const situation = situationOf(vector);
  if (!situation) throw new Error(`${vector.name} is not built.`);
  return explained(vector, situation);
}

describe('what a recording itself shows, whatever its flags say', () => {
  test('one that has none is what the rules give', () => {
    for (const vector of vectors.filter((one) => flagsOf(one).length === 0))
      expect(waysOf(vector), vector.name).toEqual([]);
  });

  test('one that has any is what they give but for what GoodJob is known to do otherwise', () => {
    for (const vector of vectors.filter(
      (one) => flagsOf(one).length > 0 && !one.name.includes('meanwhile'),
    ))
      expect(waysOf(vector)?.length, `${vector.name} (${vector.lock_strategy})`).toBeGreaterThan(0);
    expect(waysOf(named('discard_job/special/batch_last_unfinished'))).toEqual(['forgetsBatch']);
    expect(waysOf(named('batch_retry/all_succeeded_callbacks'))).toEqual(['finishesEarly']);
    expect(waysOf(named('http/mass_retry/mixed', 'skiplocked'))).toEqual([
      'seesNoLock',
      'refusesByRuby',
    ]);
  });

  test('any value that is another is explained by nothing', () => {
    const tried = vectors
      .filter((_, index) => index % 4 === 0)
      .flatMap(changed)
      .filter((vector) => waysOf(vector) !== null);
    expect(tried.map(({ name, note }) => `${name}: ${note}`)).toEqual([]);
  });

  test('an error that nobody has a name for is no explanation, and nor is one without its effect', () => {
    const vector = named('retry_job/discarded');
    expect(waysOf({ ...vector, result: { error: 'SomethingNew', message: '' } })).toBeNull();
    expect(
      waysOf({
        ...vector,
        result: { error: 'TypeError', message: '' },
        after: vector.before,
        notifications: [],
      }),
    ).toEqual(['refusesByRuby']);
    expect(
      waysOf({
        ...vector,
        result: { error: 'GoodJob::Job::ActionForStateMismatchError', message: '' },
      }),
    ).toBeNull();
    expect(waysOf({ ...vector, notifications: [] })).toBeNull();
  });
});

/** The recording with one value of one row changed, in a column that goes round. */
function changed(vector: Vector, at: number): Vector[] {
  return TABLES.flatMap((table) => {
    const rows = vector.after[table];
    const row = rows[at % rows.length];
    if (!row) return [];
    const columns = Object.keys(row).filter(
      (column) => column !== 'id' && !isAnyones(vector, row, column),
    );
    const column = columns[at % columns.length] ?? 'created_at';
    const other = rows.map((one) =>
      one === row ? { ...one, [column]: another(one[column] ?? null) } : one,
    );
    return [{ ...vector, after: { ...vector.after, [table]: other }, note: `${table}.${column}` }];
  });
}

/** What the class decides of a new job in Ruby. */
const isAnyones = ({ before }: Vector, row: Row, column: string) =>
  row.cron_key !== null &&
  before.good_jobs.every(({ id }) => id !== row.id) &&
  [
    'concurrency_key',
    'labels',
    'cron_key',
    'job_class',
    'queue_name',
    'priority',
    'serialized_params',
  ].includes(column);

function another(value: Json): Json {
  if (value === null) return 'x';
  if (typeof value === 'boolean') return !value;
  if (value instanceof LosslessNumber) return new LosslessNumber(value.value === '7' ? '8' : '7');
  if (Array.isArray(value)) return [...value, 'x'];
  if (isObject<Json>(value)) return { ...value, 'a key too many': 'x' };
  return /^\d{4}-\d\d-\d\dT/.test(value) ? shifted(value, 3_600_000_000n) : `${value}x`;
}

describe('situations that this recording does not have', () => {
  const bulk = (params: Record<string, Json>) => {
    const vector = named('http/mass_destroy/all_discarded');
    return { ...vector, http: { status: 303, ...vector.http, params } };
  };

  test('another app, another locale, another zone', () => {
    expect(recordedApp(vectors)).toEqual(README_APP);
    const elsewhere = JSON.parse(
      JSON.stringify(
        vectors.filter(({ action }) => action === 'retry_job' || action === 'batch_retry'),
      )
        .replaceAll('gid://peer-app/', 'gid://other/')
        .replaceAll('"locale":"en"', '"locale":"ja"')
        .replaceAll('"timezone":"UTC"', '"timezone":"Asia/Tokyo"'),
    ) as Vector[];
    expect(recordedApp(elsewhere)).toEqual({
      appName: 'other',
      locale: 'ja',
      timeZone: 'Asia/Tokyo',
    });
    expect(recordedApp([])).toEqual(README_APP);
  });

  test('bulk actions: names that there are not, ids twice or that are none, parameters that filter nothing', () => {
    expect(situationOf(bulk({ mass_action: 'force_discard', job_ids: ['x'] }))).toMatchObject({
      unknownBulk: 'force_discard',
      bulk: null,
    });
    expect(situationOf(bulk({}))).toMatchObject({ unknownBulk: '' });
    const id = named('retry_job/discarded').target;
    expect(situationOf(bulk({ mass_action: 'retry', job_ids: [id, id, 'none'] }))?.ids).toEqual([
      id,
    ]);
    const all = situationOf(
      bulk({
        mass_action: 'destroy',
        all_job_ids: 'true',
        state: 'discarded',
        locale: 'ja',
        limit: '1',
        query: ' ',
      }),
    );
    expect(all).toMatchObject({
      bulk: { by: 'filter', query: 'state=discarded' },
      ids: situationOf(bulk({ mass_action: 'destroy', all_job_ids: 'true', state: 'discarded' }))
        ?.ids,
    });
  });

  test('a job that has failed once is scheduled to GoodJob, and is retried', () => {
    const vector = bulk({ mass_action: 'reschedule', all_job_ids: 'true', state: 'scheduled' });
    const job = {
      ...vector.before.good_jobs[0],
      id: 'a',
      finished_at: null,
      performed_at: null,
      error: 'E: x',
      scheduled_at: shifted(vector.now_before, 3_600_000_000n),
      serialized_params: { executions: new LosslessNumber('1') },
    } as Row;
    const before = { ...vector.before, good_jobs: [job] };
    const after = {
      ...before,
      good_jobs: [{ ...job, scheduled_at: vector.now_before, updated_at: vector.now_before }],
    };
    expect(
      waysOf({
        ...vector,
        before,
        after,
        notifications: [],
        held_advisory_locks: [],
        http: {
          status: 303,
          params: vector.http.params,
          flash: { notice: 'Successfully rescheduled 1 job' },
        },
      }),
    ).toEqual(['ownTabs']);
  });

  test('a cron key that was enqueued at that moment already: the name does not say the key', () => {
    const vector = named('cron_enqueue/every_minute');
    const enqueued = {
      ...vector,
      name: 'cron_enqueue/same_cron_at',
      before: vector.after,
      notifications: [],
    };
    const job = vector.after.good_jobs.find(({ cron_key }) => cron_key !== null);
    expect(situationOf(enqueued)?.setting).toMatchObject({
      key: 'every_minute',
      cronAt: job?.cron_at,
    });
  });
});
