import { LosslessNumber } from 'lossless-json';
import {
  type Json,
  type Row,
  type Rows,
  TABLES,
  type TableName,
  type Vector,
  isTimeColumn,
  microseconds,
} from './vector';

/** Placeholder for the database's time during the action, in a time column. */
export const NOW = Symbol('the time of the action');
/** Placeholder for the same time in a payload: nine decimals, of which the last three are zeros. */
export const PAYLOAD_NOW = Symbol('the time of the action, nine decimals');
/** Placeholder for an id that the action created; the same id everywhere in a row. */
export const NEW_ID = Symbol('a new id');
type Marker = typeof NOW | typeof PAYLOAD_NOW | typeof NEW_ID;

export type Expected =
  null | boolean | string | LosslessNumber | Marker | Expected[] | { [key: string]: Expected };
/** Omitted columns are null. */
export type ExpectedRow = { id: string | typeof NEW_ID } & { [column: string]: Expected };
export type ExpectedRows = Record<TableName, ExpectedRow[]>;

export type OutcomeName = 'done' | 'conflict' | 'locked' | 'missing' | 'refused' | 'unchanged';

export interface Expectation {
  /** The rows before the action, with the times of the recording. */
  start: Rows;
  rows: ExpectedRows;
  /** Outcomes by id; for a bulk action over HTTP, GoodJob reports only a number. */
  outcomes: Record<string, OutcomeName> | { doneCount: number };
  /** The notified queues. */
  queues: Set<string>;
}

/**
 * The recorded result as an expectation. Throws for an outcome that the recording's README does not
 * map.
 */
export function recordedExpectation(vector: Vector): Expectation {
  const rows = Object.fromEntries(
    TABLES.map((table) => [
      table,
      vector.after[table].map((row) => withMarkers(vector, table, row)),
    ]),
  ) as ExpectedRows;
  const queues = new Set(
    vector.notifications.map(
      (payload) => (JSON.parse(payload) as { queue_name: string }).queue_name,
    ),
  );
  return { start: vector.before, rows, outcomes: recordedOutcomes(vector), queues };
}

function withMarkers(vector: Vector, table: TableName, row: Row): ExpectedRow {
  const before = vector.before[table].find(({ id }) => id === row.id);
  const isSetToNow = (value: string, old: Json | undefined) =>
    value !== old &&
    /^\d{4}-/.test(value) &&
    microseconds(value) >= microseconds(vector.now_before) &&
    microseconds(value) <= microseconds(vector.now_after);
  const column = (name: string, value: Json): Expected => {
    if (!before && value === row.id) return NEW_ID;
    if (isTimeColumn(name))
      return typeof value === 'string' && isSetToNow(value, before?.[name]) ? NOW : value;
    return name === 'serialized_params' && isObject(value) ? payload(value, before?.[name]) : value;
  };
  const payload = (params: { [key: string]: Json }, old: Json | undefined): Expected =>
    Object.fromEntries(
      Object.entries(params).map(([key, value]) => {
        if (!before && value === row.id) return [key, NEW_ID];
        const isNow =
          isTimeColumn(key) &&
          typeof value === 'string' &&
          isSetToNow(value, isObject(old) ? old[key] : undefined);
        return [key, isNow ? PAYLOAD_NOW : value];
      }),
    );
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, column(name, value)]),
  ) as ExpectedRow;
}

/** Whether the value is a JSON object. */
export function isObject<T>(
  value: T | { [key: string]: T } | undefined | null,
): value is { [key: string]: T } {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof LosslessNumber)
  );
}

const OUTCOME_OF_ERROR: Record<string, OutcomeName> = {
  'GoodJob::AdvisoryLockable::RecordAlreadyAdvisoryLockedError': 'locked',
  'GoodJob::Job::ActionForStateMismatchError': 'conflict',
  'ActiveRecord::RecordNotFound': 'missing',
  'GoodJob::Job::ActiveJobDeserializationError': 'refused',
  'ActionController::BadRequest': 'refused',
  ArgumentError: 'refused',
};

/**
 * The dashboard's alert for another Active Job adapter; every other alert reports a state mismatch.
 */
const ADAPTER_ALERT = 'Active Job Queue Adapter must be GoodJob.';

function recordedOutcomes(vector: Vector): Expectation['outcomes'] {
  const { http, result } = vector;
  const error = http?.exception ?? (result === 'ok' ? undefined : result.error);
  if (error !== undefined) return { [vector.target]: outcomeOfError(error) };
  if (vector.action === 'http_mass_update')
    return { doneCount: Number(/\d+/.exec(http?.flash?.notice ?? '')?.[0] ?? 0) };
  if (http?.status === 404) return { [vector.target]: 'missing' };
  if (http?.flash?.alert !== undefined)
    return {
      [vector.target]:
        http.flash.alert === ADAPTER_ALERT ? outcomeOfError('AdapterNotGoodJobError') : 'conflict',
    };
  if (http && http.status >= 400)
    throw new Error(
      `An HTTP status ${http.status} without an exception cannot be mapped to an outcome.`,
    );
  return { [vector.target]: 'done' };
}

function outcomeOfError(error: string): OutcomeName {
  const outcome = OUTCOME_OF_ERROR[error];
  if (!outcome) throw new Error(`${error} cannot be mapped to an outcome.`);
  return outcome;
}
