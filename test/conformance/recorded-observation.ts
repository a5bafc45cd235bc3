import type { Observation } from './compare';
import { isObject, recorded } from './expectation';
import { type Json, type Row, type Vector, microseconds } from './vector';

/** The recording as if the console had done exactly that: its payload times with zeros in place of nanoseconds. */
export function recordedObservation(vector: Vector): Observation {
  const { outcomes } = recorded(vector);
  const each =
    typeof outcomes.doneCount === 'number'
      ? Object.fromEntries(
          Array.from({ length: outcomes.doneCount }, (_, n) => [String(n), 'done']),
        )
      : (outcomes as Record<string, string>);
  return { ...recordedRows(vector), outcomes: each };
}

/** The same without the outcomes, which not every recording has a name for. */
export function recordedRows(vector: Vector): Observation {
  const from = microseconds(vector.now_before);
  const to = microseconds(vector.now_after);
  const rounded = (value: Json): Json =>
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
            Object.entries(params).map(([key, value]) => [key, rounded(value)]),
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
