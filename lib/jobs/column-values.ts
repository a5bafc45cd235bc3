import 'server-only';
import sql, { type Sql, join, raw } from 'sql-template-tag';
import type { Ctx } from '../ctx';
import { parseJson } from '../good-job/json';
import { redactor } from '../redaction';
import { type Column, type ExtraValues, isPath } from './columns';
import type { JobRow } from './types';

/** Characters of a value that a list carries at most. */
const TEXT_SHOWN = 120;

const STORED: Partial<Record<Column, Sql>> = {
  created: sql`j.created_at`,
  scheduled: sql`j.scheduled_at`,
  performed: sql`j.performed_at`,
  finished: sql`j.finished_at`,
  cron: sql`left(j.cron_key, ${TEXT_SHOWN})`,
};

/** The scalar at a path of the arguments, as JSON; of an object its GlobalID, or no more than that there is one. */
function argumentAt(path: string[]): Sql {
  return sql`(SELECT CASE jsonb_typeof(v)
      WHEN 'object' THEN coalesce(to_jsonb(left(v ->> '_aj_globalid', ${TEXT_SHOWN})), '"{…}"'::jsonb)
      WHEN 'array' THEN '"[…]"'::jsonb
      WHEN 'string' THEN to_jsonb(left(v #>> '{}', ${TEXT_SHOWN}))
      WHEN 'number' THEN to_jsonb(left(v::text, ${TEXT_SHOWN}))
      ELSE v END::text FROM (SELECT j.serialized_params #> ${['arguments', ...path]}::text[] AS v) one)`;
}

/** The rows with what these columns need besides a JobRow's own: read by id, and only when a viewer chose such a column. */
export async function withColumns(ctx: Ctx, rows: JobRow[], columns: readonly Column[]): Promise<JobRow[]> {
  const extra = columns.flatMap((column) => {
    const value = isPath(column) ? argumentAt(column.split('.').slice(1)) : STORED[column];
    return value ? [{ column, value }] : [];
  });
  if (extra.length === 0 || rows.length === 0) return rows;
  // good_jobs_pkey
  const values = await ctx.db.read((tx) =>
    tx.query<{ id: string } & Record<string, string | null>>(sql`
      SELECT j.id, ${join(extra.map(({ value }, n) => sql`${value} AS ${raw(`value${n}`)}`))} FROM ${ctx.gj.jobs} j WHERE j.id = ANY(${rows.map(({ id }) => id)}::uuid[])`),
  );
  const byId = new Map(values.map((row) => [row.id, row]));
  return rows.map((row) => {
    const read = byId.get(row.id);
    const pairs = extra.map(({ column }, n) => [column, shown(column, read?.[`value${n}`] ?? null)] as const);
    return { ...row, extra: Object.fromEntries(pairs) as ExtraValues };
  });
}

/** Arguments pass the redaction, as wherever they leave the server. */
function shown(column: Column, value: string | null): string | null {
  if (value === null || !isPath(column)) return value;
  const json = parseJson(value);
  const redacted = redactor(['arguments', ...column.split('.').slice(1)], json) ?? json;
  if (redacted.kind !== 'scalar') return '…';
  return redacted.text.startsWith('"') ? (JSON.parse(redacted.text) as string) : redacted.text;
}
