import { LosslessNumber } from 'lossless-json';
import { describe, expect, it } from 'vitest';
import { type Observation, compare } from './compare';
import { type Expectation, isObject, recordedExpectation } from './expectation';
import { recordedObservation } from './recorded-observation';
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
const unflagged = vectors.filter(
  (vector) => flagsOf(vector).length === 0 && situationOf(vector) !== null,
);

function findVector(name: string): {
  vector: Vector;
  expectation: Expectation;
  observation: Observation;
} {
  const vector = unflagged.find((one) => one.name === name);
  if (!vector) throw new Error(`There is no vector ${name}.`);
  return {
    vector,
    expectation: recordedExpectation(vector),
    observation: recordedObservation(vector),
  };
}

/** The differences after a change of the target's row. */
function compareChangedTarget(name: string, change: (row: Row) => Row): string[] {
  const { vector, expectation, observation } = findVector(name);
  const good_jobs = observation.rows.good_jobs.map((row) =>
    row.id === vector.target ? change(row) : row,
  );
  return compare(expectation, { ...observation, rows: { ...observation.rows, good_jobs } });
}

/** The differences after a change of payload keys; undefined removes a key. */
function compareChangedParams(name: string, changes: Record<string, Json | undefined>): string[] {
  return compareChangedTarget(name, (row) => {
    const entries = Object.entries({
      ...(row.serialized_params as Record<string, Json>),
      ...changes,
    });
    return {
      ...row,
      serialized_params: Object.fromEntries(
        entries.filter(([, value]) => value !== undefined),
      ) as Json,
    };
  });
}

it('reports no difference between a recording and itself', () => {
  for (const vector of unflagged)
    expect(compare(recordedExpectation(vector), recordedObservation(vector)), vector.name).toEqual(
      [],
    );
});

/** A different value of the same type. */
function changeValue(value: Json): Json {
  if (value === null) return false;
  if (typeof value === 'boolean') return !value;
  if (value instanceof LosslessNumber) return new LosslessNumber(value.value === '1' ? '2' : '1');
  if (Array.isArray(value)) return [...value, null];
  if (isObject<Json>(value)) return { ...value, 'an extra key': null };
  return /^\d{4}-\d\d-\d\dT/.test(value) ? shiftTime(value, 3_600_000_000n) : `${value}x`;
}

it('reports a change of any column of any row', () => {
  let comparisons = 0;
  for (const vector of unflagged.filter((_, index) => index % 5 === 0)) {
    const observation = recordedObservation(vector);
    for (const table of TABLES) {
      observation.rows[table].forEach((row, rowIndex) => {
        const isNew = vector.before[table].every(({ id }) => id !== row.id);
        for (const column of Object.keys(row)) {
          // Postgres generates this id, so any value is correct.
          if (table === 'good_job_settings' && isNew && column === 'id') continue;
          const rows = observation.rows[table].map((one, index) =>
            index === rowIndex
              ? ({ ...one, [column]: changeValue(one[column] ?? null) } as Row)
              : one,
          );
          const differences = compare(recordedExpectation(vector), {
            ...observation,
            rows: { ...observation.rows, [table]: rows },
          });
          expect(differences.length, `${vector.name}: ${table}.${column}`).toBeGreaterThan(0);
          comparisons += 1;
        }
      });
    }
  }
  expect(comparisons).toBeGreaterThan(1000);
});

describe('compare', () => {
  it('reports a missing row and an unexpected row', () => {
    const { vector, expectation, observation } = findVector('retry_job/discarded');
    const rowsWithoutTarget = {
      ...observation.rows,
      good_jobs: observation.rows.good_jobs.filter(({ id }) => id !== vector.target),
    };
    expect(compare(expectation, { ...observation, rows: rowsWithoutTarget }).join()).toContain(
      'the row is missing',
    );
    const rowsWithExtra = {
      ...observation.rows,
      good_job_executions: [...observation.rows.good_job_executions, { id: 'extra' }],
    };
    expect(compare(expectation, { ...observation, rows: rowsWithExtra }).join()).toContain(
      'an unexpected row',
    );
  });

  it('reports a time that was not set, or not set to now', () => {
    const { expectation, vector } = findVector('retry_job/discarded');
    const before = expectation.start.good_jobs.find(({ id }) => id === vector.target);
    expect(
      compareChangedTarget('retry_job/discarded', (row) => ({
        ...row,
        scheduled_at: before?.scheduled_at ?? null,
      })),
    ).toHaveLength(1);
    expect(
      compareChangedTarget('retry_job/discarded', (row) => ({
        ...row,
        updated_at: shiftTime(vector.now_after, 1n),
      })),
    ).toHaveLength(1);
    expect(
      compareChangedTarget('reschedule_job/queued', (row) => ({
        ...row,
        created_at: vector.now_after,
      })),
    ).toHaveLength(1);
  });

  it('reports a difference in nanoseconds, in the last digit, or between null and no key', () => {
    expect(
      compareChangedParams('retry_job/discarded', {
        enqueued_at: '2026-11-23T12:44:43.123456789Z',
      }),
    ).toHaveLength(1);
    expect(compareChangedParams('retry_job/discarded', { locale: undefined }).join()).toContain(
      'no such key',
    );
    expect(compareChangedParams('retry_job/discarded', { tenant: null }).join()).toContain(
      'no such key',
    );
    const { expectation, observation } = findVector('retry_job/discarded');
    const settingWith = (text: string) => ({
      good_job_settings: [{ id: 's', value: new LosslessNumber(text) }],
    });
    const expected = {
      ...expectation,
      rows: { ...expectation.rows, ...settingWith('12345678901234567890') },
    };
    const compareWith = (text: string) =>
      compare(expected, { ...observation, rows: { ...observation.rows, ...settingWith(text) } });
    expect(compareWith('12345678901234567890')).toEqual([]);
    expect(compareWith('12345678901234567891')).toHaveLength(1);
  });

  it('reports a foreign id inside a new row', () => {
    const { expectation, observation, vector } = findVector('batch_retry/callbacks_queued');
    const oldIds = new Set(vector.before.good_jobs.map(({ id }) => id));
    const good_jobs = observation.rows.good_jobs.map((row) =>
      oldIds.has(row.id) ? row : { ...row, active_job_id: vector.target },
    );
    expect(
      compare(expectation, { ...observation, rows: { ...observation.rows, good_jobs } }).join(),
    ).toContain('active_job_id');
  });

  it('reports differences of outcomes and notifications', () => {
    const { expectation, observation, vector } = findVector('retry_job/discarded');
    expect(
      compare(expectation, { ...observation, outcomes: { [vector.target]: 'conflict' } }),
    ).toHaveLength(1);
    expect(compare(expectation, { ...observation, outcomes: {} })).toHaveLength(1);
    expect(compare(expectation, { ...observation, notifications: [] })).toHaveLength(1);
    const extra = [...observation.notifications, '{"queue_name":"other"}'];
    expect(compare(expectation, { ...observation, notifications: extra })).toHaveLength(1);
    expect(
      compare(
        expectation,
        { ...observation, notifications: extra },
        { extraQueues: new Set(['other']) },
      ),
    ).toEqual([]);
  });
});
