import 'server-only';
import sql, { type Sql, join, raw } from 'sql-template-tag';
import type { Ctx } from '../ctx';
import { type Json, get, parseJson, stringOf } from '../good-job/json';
import { redaction } from '../redaction/redaction';
import { SecretRegistry } from '../redaction/secret-registry';
import { cut } from '../text';
import { type Column, type ExtraValues, isPath } from './columns';
import type { JobRow } from './types';

/** Characters of a value that a list carries at most. */
const TEXT_SHOWN = 120;
/** Compressed, bytes; of larger payloads a column shows nothing. */
const LARGEST = 1_000_000;

const STORED: Partial<Record<Column, Sql>> = {
  created: sql`j.created_at`,
  scheduled: sql`j.scheduled_at`,
  performed: sql`j.performed_at`,
  finished: sql`j.finished_at`,
  cron: sql`left(j.cron_key, ${TEXT_SHOWN})`,
};

interface ReadValues extends Record<string, string | null> {
  id: string;
  job_class: string | null;
  arguments: string | null;
}

/** The rows with what these columns need besides a JobRow's own: read by id, and only when a viewer chose such a column. */
export async function withColumns(
  ctx: Ctx,
  rows: JobRow[],
  columns: readonly Column[],
): Promise<JobRow[]> {
  const stored = columns.flatMap((column) =>
    STORED[column] ? [{ column, value: STORED[column] }] : [],
  );
  const paths = columns.filter(isPath);
  if (stored.length + paths.length === 0 || rows.length === 0) return rows;
  // What is hidden at a path depends on what stands around it: all arguments are read, and the path is taken of what is shown.
  const args =
    paths.length > 0 || columns.includes('cron')
      ? sql`CASE WHEN pg_column_size(j.serialized_params) < ${LARGEST} THEN (j.serialized_params -> 'arguments')::text END`
      : sql`NULL`;
  const others = stored.map(({ value }, n) => sql`, ${value} AS ${raw(`value${n}`)}`);
  // good_jobs_pkey
  const values = await ctx.db.read((tx) =>
    tx.query<ReadValues>(
      sql`SELECT j.id, j.job_class, ${args} AS arguments ${others.length > 0 ? join(others, ' ') : sql``} FROM ${ctx.gj.jobs} j WHERE j.id = ANY(${rows.map(({ id }) => id)}::uuid[])`,
    ),
  );
  const byId = new Map(values.map((row) => [row.id, row]));
  return rows.map((row) => {
    const read = byId.get(row.id);
    const secrets = new SecretRegistry();
    const shown = read?.arguments
      ? redaction().redactJson(parseJson(read.arguments), {
          of: 'arguments',
          jobClass: read.job_class,
          secrets,
        })
      : undefined;
    const text = (value: string | null) => value && redaction().redactText(value, secrets);
    const extra: ExtraValues = {
      ...Object.fromEntries(
        stored.map(({ column }, n) => [column, text(read?.[`value${n}`] ?? null)]),
      ),
      ...Object.fromEntries(
        paths.map((column) => [
          column,
          printed(shown && valueAt(shown, column.split('.').slice(1))),
        ]),
      ),
    };
    return { ...row, extra };
  });
}

/** As `#>` finds it: a key of an object, or a place in an array, counted from its end when negative. */
function valueAt(json: Json, path: string[]): Json | undefined {
  return path.reduce<Json | undefined>((found, part) => {
    if (found?.kind === 'object') return get(found, part);
    return found?.kind === 'array' && /^-?\d{1,9}$/.test(part)
      ? found.items.at(Number(part))
      : undefined;
  }, json);
}

/** A scalar; of an object its GlobalID, or no more than that there is one. */
function printed(json: Json | undefined): string | null {
  if (!json) return null;
  if (json.kind === 'array') return '[…]';
  if (json.kind === 'object') return cut(stringOf(get(json, '_aj_globalid')) ?? '{…}', TEXT_SHOWN);
  return cut(stringOf(json) ?? json.text, TEXT_SHOWN);
}
