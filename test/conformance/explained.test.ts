import { LosslessNumber } from 'lossless-json';
import { describe, expect, it } from 'vitest';
import { isObject } from './expectation';
import { explainDeviations } from './explained';
import { README_APP, recordedApp } from './recorded-app';
import { situationOf } from './situation';
import {
  type Json,
  type Row,
  TABLES,
  type Vector,
  flagsOf,
  readVectors,
  shiftTime,
} from './vector';

const vectors = await readVectors(new URL('vectors.jsonl.gz', import.meta.url));
const findVector = (name: string, strategy = 'advisory') =>
  vectors.find((vector) => vector.name === name && vector.lock_strategy === strategy) as Vector;

function deviationsOf(vector: Vector): string[] | null {
  const situation = situationOf(vector);
  if (!situation) throw new Error(`The console has no action for ${vector.name}.`);
  return explainDeviations(vector, situation);
}

describe('explainDeviations', () => {
  it('finds no deviation in a recording without flags', () => {
    for (const vector of vectors.filter((one) => flagsOf(one).length === 0))
      expect(deviationsOf(vector), vector.name).toEqual([]);
  });

  it('explains every flagged recording by known deviations', () => {
    for (const vector of vectors.filter(
      (one) => flagsOf(one).length > 0 && !one.name.includes('meanwhile'),
    ))
      expect(
        deviationsOf(vector)?.length,
        `${vector.name} (${vector.lock_strategy})`,
      ).toBeGreaterThan(0);
    expect(deviationsOf(findVector('discard_job/special/batch_last_unfinished'))).toEqual([
      'skipsCompletionCheck',
    ]);
    expect(deviationsOf(findVector('batch_retry/all_succeeded_callbacks'))).toEqual([
      'finishesEarly',
    ]);
    expect(deviationsOf(findVector('http/mass_retry/mixed', 'skiplocked'))).toEqual([
      'ignoresLocks',
      'isRefusedByClass',
    ]);
  });

  it('explains no recording with a changed value', () => {
    const explainedVectors = vectors
      .filter((_, index) => index % 4 === 0)
      .flatMap(changeOneValue)
      .filter((vector) => deviationsOf(vector) !== null);
    expect(explainedVectors.map(({ name, note }) => `${name}: ${note}`)).toEqual([]);
  });

  it('does not explain an unknown error with effects, or a known one without', () => {
    const vector = findVector('retry_job/discarded');
    expect(deviationsOf({ ...vector, result: { error: 'SomethingNew', message: '' } })).toBeNull();
    expect(
      deviationsOf({
        ...vector,
        result: { error: 'TypeError', message: '' },
        after: vector.before,
        notifications: [],
      }),
    ).toEqual(['isRefusedByClass']);
    expect(
      deviationsOf({
        ...vector,
        result: { error: 'GoodJob::Job::ActionForStateMismatchError', message: '' },
      }),
    ).toBeNull();
    expect(deviationsOf({ ...vector, notifications: [] })).toBeNull();
  });
});

/**
 * Copies of the recording with one changed value per table; `index` selects the row and the column.
 */
function changeOneValue(vector: Vector, index: number): Vector[] {
  return TABLES.flatMap((table) => {
    const rows = vector.after[table];
    const row = rows[index % rows.length];
    if (!row) return [];
    const columns = Object.keys(row).filter(
      (column) => column !== 'id' && !isDecidedByClass(vector, row, column),
    );
    const column = columns[index % columns.length] ?? 'created_at';
    const changedRows = rows.map((one) =>
      one === row ? { ...one, [column]: changeValue(one[column] ?? null) } : one,
    );
    return [
      { ...vector, after: { ...vector.after, [table]: changedRows }, note: `${table}.${column}` },
    ];
  });
}

/** Whether the job class sets this column of a new cron job in Ruby. */
const isDecidedByClass = ({ before }: Vector, row: Row, column: string) =>
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

function changeValue(value: Json): Json {
  if (value === null) return 'x';
  if (typeof value === 'boolean') return !value;
  if (value instanceof LosslessNumber) return new LosslessNumber(value.value === '7' ? '8' : '7');
  if (Array.isArray(value)) return [...value, 'x'];
  if (isObject<Json>(value)) return { ...value, 'an extra key': 'x' };
  return /^\d{4}-\d\d-\d\dT/.test(value) ? shiftTime(value, 3_600_000_000n) : `${value}x`;
}

describe('situationOf and recordedApp for vectors that are not recorded', () => {
  const bulkVector = (params: Record<string, Json>) => {
    const vector = findVector('http/mass_destroy/all_discarded');
    return { ...vector, http: { status: 303, ...vector.http, params } };
  };

  it('recordedApp derives the settings of another app', () => {
    expect(recordedApp(vectors)).toEqual(README_APP);
    const otherVectors = JSON.parse(
      JSON.stringify(
        vectors.filter(({ action }) => action === 'retry_job' || action === 'batch_retry'),
      )
        .replaceAll('gid://peer-app/', 'gid://other/')
        .replaceAll('"locale":"en"', '"locale":"ja"')
        .replaceAll('"timezone":"UTC"', '"timezone":"Asia/Tokyo"'),
    ) as Vector[];
    expect(recordedApp(otherVectors)).toEqual({
      appName: 'other',
      locale: 'ja',
      timeZone: 'Asia/Tokyo',
    });
    expect(recordedApp([])).toEqual(README_APP);
  });

  it('situationOf handles unknown bulk actions, invalid ids and non-filter parameters', () => {
    expect(situationOf(bulkVector({ mass_action: 'force_discard', job_ids: ['x'] }))).toMatchObject(
      {
        unknownBulk: 'force_discard',
        bulk: null,
      },
    );
    expect(situationOf(bulkVector({}))).toMatchObject({ unknownBulk: '' });
    const id = findVector('retry_job/discarded').target;
    expect(
      situationOf(bulkVector({ mass_action: 'retry', job_ids: [id, id, 'none'] }))?.ids,
    ).toEqual([id]);
    const situation = situationOf(
      bulkVector({
        mass_action: 'destroy',
        all_job_ids: 'true',
        state: 'discarded',
        locale: 'ja',
        limit: '1',
        query: ' ',
      }),
    );
    expect(situation).toMatchObject({
      bulk: { by: 'filter', query: 'state=discarded' },
      ids: situationOf(
        bulkVector({ mass_action: 'destroy', all_job_ids: 'true', state: 'discarded' }),
      )?.ids,
    });
  });

  it('explains a reschedule of a job that is scheduled for GoodJob but retried for the console', () => {
    const vector = bulkVector({
      mass_action: 'reschedule',
      all_job_ids: 'true',
      state: 'scheduled',
    });
    const job = {
      ...vector.before.good_jobs[0],
      id: 'a',
      finished_at: null,
      performed_at: null,
      error: 'E: x',
      scheduled_at: shiftTime(vector.now_before, 3_600_000_000n),
      serialized_params: { executions: new LosslessNumber('1') },
    } as Row;
    const before = { ...vector.before, good_jobs: [job] };
    const after = {
      ...before,
      good_jobs: [{ ...job, scheduled_at: vector.now_before, updated_at: vector.now_before }],
    };
    expect(
      deviationsOf({
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
    ).toEqual(['usesOwnTabs']);
  });

  it('situationOf finds the key of a cron entry enqueued twice at the same time', () => {
    const vector = findVector('cron_enqueue/every_minute');
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
