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
  shifted,
} from './vector';

/** What the console did to the rows. */
export interface Observation {
  rows: Rows;
  outcomes: Record<string, string>;
  /** Payloads received on LISTEN good_job. */
  notifications: string[];
  /** By how many microseconds the recording's times were moved. */
  shift: bigint;
  /** The database clock around the action, microseconds. */
  from: bigint;
  to: bigint;
}

export interface CompareOptions {
  /** Queues that may be notified although GoodJob does not: a reschedule is not to wait for a worker's next poll. */
  extraQueues?: Set<string>;
}

/** Every way in which what was observed is not what was expected; none: it matches. */
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
  const left = new Map(observed.rows[table].map((row) => [row.id, row]));
  const differences: string[] = [];
  const added: ExpectedRow[] = [];
  for (const row of expected.rows[table]) {
    if (row.id === NEW_ID) {
      added.push(row);
      continue;
    }
    const found = left.get(String(row.id));
    left.delete(String(row.id));
    if (!found) differences.push(`${table} ${short(String(row.id))}: the row is gone`);
    else
      differences.push(
        ...compareRow(row, found, observed).map(
          (difference) => `${table} ${short(found.id)}.${difference}`,
        ),
      );
  }
  // A new row has no id to be known by: it is the one that differs least from what is expected.
  for (const row of added) {
    const [best] = [...left.values()]
      .map((found) => ({ found, differences: compareRow(row, found, observed) }))
      .sort((a, b) => a.differences.length - b.differences.length);
    if (!best) {
      differences.push(`${table}: a new row is missing: ${print(row)}`);
      continue;
    }
    left.delete(best.found.id);
    differences.push(...best.differences.map((difference) => `${table} new row.${difference}`));
  }
  return [
    ...differences,
    ...[...left.values()].map((row) => `${table} ${short(row.id)}: a row too many: ${print(row)}`),
  ];
}

function compareRow(expected: ExpectedRow, found: Row, observed: Observation): string[] {
  const columns = [...new Set([...Object.keys(expected), ...Object.keys(found)])];
  return columns.flatMap((column) => {
    const raw = expected[column] ?? null;
    const value =
      isTimeColumn(column) && typeof raw === 'string' && /^\d{4}-/.test(raw)
        ? shifted(raw, observed.shift)
        : raw;
    return compareValue(column, value, found[column] ?? null, { id: found.id, observed });
  });
}

interface Context {
  id: string;
  observed: Observation;
}

function compareValue(path: string, expected: Expected, found: Json, context: Context): string[] {
  if (isSame(expected, found, context)) return [];
  if (Array.isArray(expected) && Array.isArray(found) && expected.length === found.length) {
    return expected.flatMap((item, index) =>
      compareValue(`${path}[${index}]`, item, found[index] ?? null, context),
    );
  }
  if (isPlain(expected) && isPlain(found)) {
    return [...new Set([...Object.keys(expected), ...Object.keys(found)])].flatMap((key) => {
      const [wanted, got] = [expected[key], found[key]];
      // In JSON a missing key is not a null.
      if (wanted === undefined || got === undefined)
        return [`${path}.${key}: expected ${print(wanted)}, got ${print(got)}`];
      return compareValue(`${path}.${key}`, wanted, got, context);
    });
  }
  return [`${path}: expected ${print(expected)}, got ${print(found)}`];
}

function isSame(expected: Expected, found: Json, { id, observed }: Context): boolean {
  if (expected === NOW) return typeof found === 'string' && isWithin(found, observed);
  if (expected === PAYLOAD_NOW)
    return typeof found === 'string' && /\.\d{6}000Z$/.test(found) && isWithin(found, observed);
  if (expected === NEW_ID) return found === id;
  if (expected instanceof LosslessNumber)
    return found instanceof LosslessNumber && compareLosslessNumber(expected, found) === 0;
  return expected === found;
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

/** As the set of queues: one notification stands for all jobs of its queue. */
function compareNotifications(
  expected: Expectation,
  observed: Observation,
  { extraQueues = new Set() }: CompareOptions,
): string[] {
  const queues = observed.notifications.map(
    (payload) => (JSON.parse(payload) as { queue_name: string }).queue_name,
  );
  const got = new Set(queues);
  const differences: string[] = [];
  for (const queue of expected.queues)
    if (!got.has(queue)) differences.push(`notifications: none for queue ${queue}`);
  const extra = [...got].filter((queue) => !expected.queues.has(queue) && !extraQueues.has(queue));
  if (extra.length > 0) differences.push(`notifications: too many, for ${extra.join(', ')}`);
  return differences;
}

const short = (id: string) => id.slice(0, 8);

function print(value: Expected | Row | ExpectedRow | undefined): string {
  const symbols = (_key: string, inner: unknown) =>
    typeof inner === 'symbol' ? `<${inner.description}>` : inner;
  const text =
    value === undefined
      ? 'no such key'
      : typeof value === 'symbol'
        ? `<${value.description}>`
        : (stringify(value, symbols) ?? String(value));
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
