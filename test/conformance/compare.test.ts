import { LosslessNumber } from 'lossless-json';
import { describe, expect, test } from 'vitest';
import { type Observation, compare } from './compare';
import { type Expectation, isObject, recorded } from './expectation';
import { recordedObservation } from './recorded-observation';
import { situationOf } from './situation';
import { type Json, type Row, TABLES, type Vector, flagsOf, readVectors, shifted } from './vector';

const vectors = await readVectors(new URL('vectors.jsonl.gz', import.meta.url));
const plain = vectors.filter(
  (vector) => flagsOf(vector).length === 0 && situationOf(vector) !== null,
);

function named(name: string): {
  vector: Vector;
  expectation: Expectation;
  observation: Observation;
} {
  const vector = plain.find((one) => one.name === name);
  if (!vector) throw new Error(`There is no vector ${name}.`);
  return { vector, expectation: recorded(vector), observation: recordedObservation(vector) };
}

/** The observation with the target's row changed. */
function withTarget(name: string, change: (row: Row) => Row): string[] {
  const { vector, expectation, observation } = named(name);
  const good_jobs = observation.rows.good_jobs.map((row) =>
    row.id === vector.target ? change(row) : row,
  );
  return compare(expectation, { ...observation, rows: { ...observation.rows, good_jobs } });
}

/** The same with keys of the payload changed; undefined takes a key away. */
function withParams(name: string, changes: Record<string, Json | undefined>): string[] {
  return withTarget(name, (row) => {
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

test('a recording matches itself', () => {
  for (const vector of plain)
    expect(compare(recorded(vector), recordedObservation(vector)), vector.name).toEqual([]);
});

/** Another value of the same kind, so that only a comparison by value can tell. */
function other(value: Json): Json {
  if (value === null) return false;
  if (typeof value === 'boolean') return !value;
  if (value instanceof LosslessNumber) return new LosslessNumber(value.value === '1' ? '2' : '1');
  if (Array.isArray(value)) return [...value, null];
  if (isObject<Json>(value)) return { ...value, 'a key too many': null };
  return /^\d{4}-\d\d-\d\dT/.test(value) ? shifted(value, 3_600_000_000n) : `${value}x`;
}

test('every single column of every row counts', () => {
  let tried = 0;
  for (const vector of plain.filter((_, index) => index % 5 === 0)) {
    const observation = recordedObservation(vector);
    for (const table of TABLES) {
      observation.rows[table].forEach((row, at) => {
        const isNew = vector.before[table].every(({ id }) => id !== row.id);
        for (const column of Object.keys(row)) {
          // The id that Postgres made: any will do.
          if (table === 'good_job_settings' && isNew && column === 'id') continue;
          const rows = observation.rows[table].map((one, index) =>
            index === at ? ({ ...one, [column]: other(one[column] ?? null) } as Row) : one,
          );
          const differences = compare(recorded(vector), {
            ...observation,
            rows: { ...observation.rows, [table]: rows },
          });
          expect(differences.length, `${vector.name}: ${table}.${column}`).toBeGreaterThan(0);
          tried += 1;
        }
      });
    }
  }
  expect(tried).toBeGreaterThan(1000);
});

describe('what a mutation may not hide behind', () => {
  test('a row that is gone, and one too many', () => {
    const { vector, expectation, observation } = named('retry_job/discarded');
    const without = {
      ...observation.rows,
      good_jobs: observation.rows.good_jobs.filter(({ id }) => id !== vector.target),
    };
    expect(compare(expectation, { ...observation, rows: without }).join()).toContain(
      'the row is gone',
    );
    const stranger = {
      ...observation.rows,
      good_job_executions: [...observation.rows.good_job_executions, { id: 'stranger' }],
    };
    expect(compare(expectation, { ...observation, rows: stranger }).join()).toContain(
      'a row too many',
    );
  });

  test('a time that was not set, and one that was set to something else than now', () => {
    const { expectation, vector } = named('retry_job/discarded');
    const before = expectation.start.good_jobs.find(({ id }) => id === vector.target);
    expect(
      withTarget('retry_job/discarded', (row) => ({
        ...row,
        scheduled_at: before?.scheduled_at ?? null,
      })),
    ).toHaveLength(1);
    expect(
      withTarget('retry_job/discarded', (row) => ({
        ...row,
        updated_at: shifted(vector.now_after, 1n),
      })),
    ).toHaveLength(1);
    expect(
      withTarget('reschedule_job/queued', (row) => ({ ...row, created_at: vector.now_after })),
    ).toHaveLength(1);
  });

  test('payload: nanoseconds, a JSON null in place of a missing key, a big number by its last digit', () => {
    expect(
      withParams('retry_job/discarded', { enqueued_at: '2026-11-23T12:44:43.123456789Z' }),
    ).toHaveLength(1);
    expect(withParams('retry_job/discarded', { locale: undefined }).join()).toContain(
      'no such key',
    );
    expect(withParams('retry_job/discarded', { tenant: null }).join()).toContain('no such key');
    const { expectation, observation } = named('retry_job/discarded');
    const big = (text: string) => ({
      good_job_settings: [{ id: 's', value: new LosslessNumber(text) }],
    });
    const expected = {
      ...expectation,
      rows: { ...expectation.rows, ...big('12345678901234567890') },
    };
    const got = (text: string) =>
      compare(expected, { ...observation, rows: { ...observation.rows, ...big(text) } });
    expect(got('12345678901234567890')).toEqual([]);
    expect(got('12345678901234567891')).toHaveLength(1);
  });

  test('an id inside a new row that is not its own', () => {
    const { expectation, observation, vector } = named('batch_retry/callbacks_queued');
    const known = new Set(vector.before.good_jobs.map(({ id }) => id));
    const good_jobs = observation.rows.good_jobs.map((row) =>
      known.has(row.id) ? row : { ...row, active_job_id: vector.target },
    );
    expect(
      compare(expectation, { ...observation, rows: { ...observation.rows, good_jobs } }).join(),
    ).toContain('active_job_id');
  });

  test('outcomes and notifications', () => {
    const { expectation, observation, vector } = named('retry_job/discarded');
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
