import { LosslessNumber, compareLosslessNumber, stringify } from 'lossless-json';
import {
  type Expectation,
  type Expected,
  type ExpectedRow,
  NEW_ID,
  NOW,
  PAYLOAD_NOW,
} from './expectation';
import {
  type Json,
  type Row,
  type Rows,
  TABLES,
  type TableName,
  isTimeColumn,
  microseconds,
  shiftTime,
} from './vector';

/** The result of the console's action. */
export interface Observation {
  rows: Rows;
  outcomes: Record<string, string>;
  /** Payloads received on LISTEN good_job. */
  notifications: string[];
  /** Microseconds by which the recording's times were shifted. */
  shift: bigint;
  /** The database's clock before and after the action, in microseconds. */
  from: bigint;
  to: bigint;
}

interface CompareOptions {
  /** Queues that the console may notify although GoodJob does not, as for a reschedule. */
  extraQueues?: Set<string>;
}

/** Descriptions of all differences; empty if the observation matches. */
export function compare(
  expected: Expectation,
  observed: Observation,
  options: CompareOptions = {},
): string[] {
  return [
    ...compareOutcomes(expected, observed),
    ...TABLES.flatMap((table) => compareTable(table, expected, observed)),
    ...compareNotifications(expected, observed, options),
  ];
}

function compareOutcomes({ outcomes }: Expectation, observed: Observation): string[] {
  if (typeof outcomes.doneCount === 'number') {
    const done = Object.values(observed.outcomes).filter((outcome) => outcome === 'done').length;
    return done === outcomes.doneCount ? [] : [`done: expected ${outcomes.doneCount}, got ${done}`];
  }
  const ids = [...new Set([...Object.keys(outcomes), ...Object.keys(observed.outcomes)])];
  const all = outcomes as Record<string, string>;
  return ids
    .filter((id) => all[id] !== observed.outcomes[id])
    .map((id) => `outcome of ${short(id)}: expected ${all[id]}, got ${observed.outcomes[id]}`);
}

function compareTable(table: TableName, expected: Expectation, observed: Observation): string[] {
  const unmatched = new Map(observed.rows[table].map((row) => [row.id, row]));
  const differences: string[] = [];
  const added: ExpectedRow[] = [];
  for (const row of expected.rows[table]) {
    if (row.id === NEW_ID) {
      added.push(row);
      continue;
    }
    const actual = unmatched.get(String(row.id));
    unmatched.delete(String(row.id));
    if (!actual) differences.push(`${table} ${short(String(row.id))}: the row is missing`);
    else
      differences.push(
        ...compareRow(row, actual, observed).map(
          (difference) => `${table} ${short(actual.id)}.${difference}`,
        ),
      );
  }
  // The id of a new row is unknown, so it is matched with the row that differs least.
  for (const row of added) {
    const [best] = [...unmatched.values()]
      .map((actual) => ({ actual, differences: compareRow(row, actual, observed) }))
      .sort((a, b) => a.differences.length - b.differences.length);
    if (!best) {
      differences.push(`${table}: a new row is missing: ${print(row)}`);
      continue;
    }
    unmatched.delete(best.actual.id);
    differences.push(...best.differences.map((difference) => `${table} new row.${difference}`));
  }
  return [
    ...differences,
    ...[...unmatched.values()].map(
      (row) => `${table} ${short(row.id)}: an unexpected row: ${print(row)}`,
    ),
  ];
}

function compareRow(expected: ExpectedRow, actual: Row, observed: Observation): string[] {
  const columns = [...new Set([...Object.keys(expected), ...Object.keys(actual)])];
  return columns.flatMap((column) => {
    const raw = expected[column] ?? null;
    const value =
      isTimeColumn(column) && typeof raw === 'string' && /^\d{4}-/.test(raw)
        ? shiftTime(raw, observed.shift)
        : raw;
    return compareValue(column, value, actual[column] ?? null, { id: actual.id, observed });
  });
}

interface Context {
  id: string;
  observed: Observation;
}

function compareValue(path: string, expected: Expected, actual: Json, context: Context): string[] {
  if (isSame(expected, actual, context)) return [];
  if (Array.isArray(expected) && Array.isArray(actual) && expected.length === actual.length) {
    return expected.flatMap((item, index) =>
      compareValue(`${path}[${index}]`, item, actual[index] ?? null, context),
    );
  }
  if (isPlain(expected) && isPlain(actual)) {
    return [...new Set([...Object.keys(expected), ...Object.keys(actual)])].flatMap((key) => {
      const expectedValue: Expected | undefined = expected[key];
      const actualValue: Json | undefined = actual[key];
      // In JSON, a missing key differs from null.
      if (expectedValue === undefined || actualValue === undefined)
        return [`${path}.${key}: expected ${print(expectedValue)}, got ${print(actualValue)}`];
      return compareValue(`${path}.${key}`, expectedValue, actualValue, context);
    });
  }
  return [`${path}: expected ${print(expected)}, got ${print(actual)}`];
}

function isSame(expected: Expected, actual: Json, { id, observed }: Context): boolean {
  if (expected === NOW) return typeof actual === 'string' && isWithin(actual, observed);
  if (expected === PAYLOAD_NOW)
    return typeof actual === 'string' && /\.\d{6}000Z$/.test(actual) && isWithin(actual, observed);
  if (expected === NEW_ID) return actual === id;
  if (expected instanceof LosslessNumber)
    return actual instanceof LosslessNumber && compareLosslessNumber(expected, actual) === 0;
  return expected === actual;
}

function isWithin(time: string, { from, to }: Observation): boolean {
  return /^\d{4}-.*Z$/.test(time) && microseconds(time) >= from && microseconds(time) <= to;
}

function isPlain<T>(value: T): value is T & Record<string, never> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof LosslessNumber)
  );
}

/** Compares the sets of queues, because one notification stands for all jobs of its queue. */
function compareNotifications(
  expected: Expectation,
  observed: Observation,
  { extraQueues = new Set() }: CompareOptions,
): string[] {
  const queues = observed.notifications.map(
    (payload) => (JSON.parse(payload) as { queue_name: string }).queue_name,
  );
  const notifiedQueues = new Set(queues);
  const differences: string[] = [];
  for (const queue of expected.queues)
    if (!notifiedQueues.has(queue)) differences.push(`notifications: none for queue ${queue}`);
  const extra = [...notifiedQueues].filter(
    (queue) => !expected.queues.has(queue) && !extraQueues.has(queue),
  );
  if (extra.length > 0) differences.push(`notifications: unexpected for ${extra.join(', ')}`);
  return differences;
}

const short = (id: string) => id.slice(0, 8);

function print(value: Expected | Row | ExpectedRow | undefined): string {
  const symbols = (_key: string, inner: unknown) =>
    typeof inner === 'symbol' ? `<${inner.description}>` : inner;
  if (value === undefined) return 'no such key';
  if (typeof value === 'symbol') return `<${value.description}>`;
  const text = stringify(value, symbols) ?? String(value);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
