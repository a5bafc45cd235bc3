import { LosslessNumber, parse } from 'lossless-json';
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';

/** JSON whose numbers are kept as they are written: 12345678901234567890 and 1.10 would not survive as numbers. */
export type Json = null | boolean | string | LosslessNumber | Json[] | { [key: string]: Json };

export type Row = { id: string } & Record<string, Json>;
export const TABLES = [
  'good_jobs',
  'good_job_batches',
  'good_job_executions',
  'good_job_settings',
  'good_job_processes',
] as const;
export type TableName = (typeof TABLES)[number];
export type Rows = Record<TableName, Row[]>;

export const FLAGS = ['needs_app', 'defect', 'stricter', 'meanwhile'] as const;
export type Flag = (typeof FLAGS)[number];

/** One recording of what GoodJob did; the keys are those of the file. Times are ISO 8601 UTC with microseconds. */
export interface Vector extends Partial<Record<Flag, boolean>> {
  name: string;
  note?: string;
  action: string;
  lock_strategy: 'advisory' | 'skiplocked' | 'hybrid';
  target: string;
  arguments?: Json;
  before: Rows;
  after: Rows;
  result: 'ok' | { error: string; message: string };
  http?: {
    request?: string;
    params: Record<string, Json>;
    status: number;
    flash?: { alert?: string; notice?: string };
    exception?: string;
  };
  notifications: string[];
  held_advisory_locks?: string[];
  now_before: string;
  now_after: string;
}

/** Reads a file of vectors, one JSON object a line, plain or gzipped. */
export async function readVectors(file: string | URL): Promise<Vector[]> {
  const bytes = await readFile(file);
  const text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString(
    'utf8',
  );
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(toVector);
}

/** A line may lack what was empty. */
function toVector(line: string): Vector {
  const vector = parse(line) as unknown as Vector;
  if (vector.http) vector.http.status = Number(vector.http.status);
  const all = (rows: Partial<Rows> | undefined) =>
    Object.fromEntries(TABLES.map((table) => [table, rows?.[table] ?? []])) as Rows;
  return {
    ...vector,
    before: all(vector.before),
    after: all(vector.after),
    notifications: vector.notifications ?? [],
  };
}

export function flagsOf(vector: Vector): Flag[] {
  return FLAGS.filter((flag) => vector[flag]);
}

export function targetRow(vector: Vector, rows: Rows): Row | undefined {
  return rows.good_jobs.find((row) => row.id === vector.target);
}

/** The time columns of all five tables have names that end so; no other column has. */
export function isTimeColumn(column: string): boolean {
  return column.endsWith('_at');
}

const MILLION = 1_000_000n;

/** Microseconds since the epoch of an ISO 8601 UTC time with up to nine decimals (cut to six). */
export function microseconds(iso: string): bigint {
  const [seconds = '', fraction = ''] = iso.replace('Z', '').split('.');
  return BigInt(Date.parse(`${seconds}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0').slice(0, 6));
}

/** The time so many microseconds later, as the vectors write it. */
export function shifted(iso: string, by: bigint): string {
  const at = microseconds(iso) + by;
  const fraction = ((at % MILLION) + MILLION) % MILLION;
  const seconds = new Date(Number((at - fraction) / 1000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(fraction).padStart(6, '0')}Z`;
}

/** Every time column moved, so that what was recent in the recording is recent now (a process is dead after 5 minutes). */
export function shiftedRows(rows: Rows, by: bigint): Rows {
  const shiftRow = (row: Row) =>
    Object.fromEntries(
      Object.entries(row).map(([column, value]) => [
        column,
        isTimeColumn(column) && typeof value === 'string' ? shifted(value, by) : value,
      ]),
    ) as Row;
  return Object.fromEntries(TABLES.map((table) => [table, rows[table].map(shiftRow)])) as Rows;
}
