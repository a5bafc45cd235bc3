import type { Observation } from './compare';
import { isObject, recordedExpectation } from './expectation';
import { type Json, type Row, type Vector, microseconds } from './vector';

/** The recording as an observation of the console, whose payload times have no nanoseconds. */
export function recordedObservation(vector: Vector): Observation {
  const { outcomes } = recordedExpectation(vector);
  const outcomeById =
    typeof outcomes.doneCount === 'number'
      ? Object.fromEntries(
          Array.from({ length: outcomes.doneCount }, (_, n) => [String(n), 'done']),
        )
      : (outcomes as Record<string, string>);
  return { ...recordedRows(vector), outcomes: outcomeById };
}

/** `recordedObservation` without outcomes, which some recordings do not map. */
export function recordedRows(vector: Vector): Observation {
  const from = microseconds(vector.now_before);
  const to = microseconds(vector.now_after);
  const truncateNow = (value: Json): Json =>
    typeof value === 'string' &&
    /\.\d{9}Z$/.test(value) &&
    microseconds(value) >= from &&
    microseconds(value) <= to
      ? value.replace(/\d{3}Z$/, '000Z')
      : value;
  const job = (row: Row): Row => {
    const params = row.serialized_params;
    return isObject<Json>(params)
      ? {
          ...row,
          serialized_params: Object.fromEntries(
            Object.entries(params).map(([key, value]) => [key, truncateNow(value)]),
          ),
        }
      : row;
  };
  return {
    rows: { ...vector.after, good_jobs: vector.after.good_jobs.map(job) },
    outcomes: {},
    notifications: vector.notifications,
    shift: 0n,
    from,
    to,
  };
}
