import { LosslessNumber, parse } from 'lossless-json';
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';

/** JSON with lossless numbers, because JavaScript would corrupt 12345678901234567890 and 1.10. */
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

/**
 * A recording of a GoodJob action, with the keys of the file. Times are ISO 8601 UTC with
 * microseconds.
 */
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

/** Reads a file of vectors with one JSON object per line, plain or gzipped. */
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

/** Adds the empty tables and notifications that a line may omit. */
function toVector(line: string): Vector {
  const vector = parse(line) as unknown as Vector;
  if (vector.http) vector.http.status = Number(vector.http.status);
  const withAllTables = (rows: Partial<Rows> | undefined) =>
    Object.fromEntries(TABLES.map((table) => [table, rows?.[table] ?? []])) as Rows;
  return {
    ...vector,
    before: withAllTables(vector.before),
    after: withAllTables(vector.after),
    notifications: vector.notifications ?? [],
  };
}

/** The flags that are set. */
export function flagsOf(vector: Vector): Flag[] {
  return FLAGS.filter((flag) => vector[flag]);
}

/** The job that is the vector's target. */
export function targetRow(vector: Vector, rows: Rows): Row | undefined {
  return rows.good_jobs.find((row) => row.id === vector.target);
}

/** Whether a column of the five tables is a time, which its name shows. */
export function isTimeColumn(column: string): boolean {
  return column.endsWith('_at');
}

const MILLION = 1_000_000n;

/**
 * Microseconds since the epoch of an ISO 8601 UTC time with up to nine decimals (truncated to six).
 */
export function microseconds(iso: string): bigint {
  const [seconds = '', fraction = ''] = iso.replace('Z', '').split('.');
  return BigInt(Date.parse(`${seconds}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0').slice(0, 6));
}

/** A time shifted by microseconds, in the format of the vectors. */
export function shiftTime(iso: string, byMicroseconds: bigint): string {
  const at = microseconds(iso) + byMicroseconds;
  const fraction = ((at % MILLION) + MILLION) % MILLION;
  const seconds = new Date(Number((at - fraction) / 1000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(fraction).padStart(6, '0')}Z`;
}

/**
 * Rows with all times shifted, because a process counts as dead 5 minutes after its `updated_at`.
 */
export function shiftRows(rows: Rows, byMicroseconds: bigint): Rows {
  const shiftRow = (row: Row) =>
    Object.fromEntries(
      Object.entries(row).map(([column, value]) => [
        column,
        isTimeColumn(column) && typeof value === 'string'
          ? shiftTime(value, byMicroseconds)
          : value,
      ]),
    ) as Row;
  return Object.fromEntries(TABLES.map((table) => [table, rows[table].map(shiftRow)])) as Rows;
}
