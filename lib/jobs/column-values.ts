import 'server-only';
import sql, { type Sql, empty, join, raw } from 'sql-template-tag';
import { TextBudget } from '../core/text-budget';
import type { Ctx } from '../ctx';
import { type Json, get, stringOf } from '../good-job/json';
import { cut } from '../text';
import { type Column, type ExtraValues, isPath } from './columns';
import { type StoredTexts, redactTexts, storedTextColumns } from './job-texts';
import type { JobRow } from './types';

/** Characters of a value that a list carries at most. */
const COLUMN_TEXT_LENGTH = 120;

const STORED: Partial<Record<Column, Sql>> = {
  created: sql`j.created_at`,
  scheduled: sql`j.scheduled_at`,
  performed: sql`j.performed_at`,
  finished: sql`j.finished_at`,
};

/** The list has read the same texts before, with a budget of its own. */
const BUDGET = { maxBytes: 1_500_000, maxMs: 250 };

type ReadValues = StoredTexts & { id: string } & Record<`value${number}`, string | null>;

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
  const hasCron = columns.includes('cron');
  if ((stored.length + paths.length === 0 && !hasCron) || rows.length === 0) return rows;
  // What is hidden at a path, or of a key, depends on all texts of the job: they are read, and the value is taken of what is redacted.
  const texts = paths.length > 0 || hasCron ? sql`, ${storedTextColumns({ always: true })}` : empty;
  const others = stored.map(({ value }, n) => sql`, ${value} AS ${raw(`value${n}`)}`);
  // good_jobs_pkey
  const values = await ctx.db.read((tx) =>
    tx.query<ReadValues>(
      sql`SELECT j.id ${texts} ${others.length > 0 ? join(others, ' ') : empty} FROM ${ctx.gj.jobs} j WHERE j.id = ANY(${rows.map(({ id }) => id)}::uuid[])`,
    ),
  );
  const byId = new Map(values.map((row) => [row.id, row]));
  const budget = new TextBudget(BUDGET);
  const extended: JobRow[] = [];
  for (const row of rows) {
    const read = byId.get(row.id);
    const redacted =
      read && texts !== empty
        ? await redactTexts(read, { budget, withArguments: true })
        : undefined;
    await budget.yieldIfDue();
    const extra: ExtraValues = {
      ...Object.fromEntries(stored.map(({ column }, n) => [column, read?.[`value${n}`] ?? null])),
      ...(hasCron ? { cron: redacted?.cronKey ? cut(redacted.cronKey, COLUMN_TEXT_LENGTH) : null } : {}),
      ...Object.fromEntries(
        paths.map((column) => [
          column,
          printed(redacted?.arguments && valueAt(redacted.arguments, column.split('.').slice(1))),
        ]),
      ),
    };
    const tooLarge = row.tooLarge ?? redacted?.tooLarge;
    extended.push({ ...row, ...(tooLarge ? { tooLarge } : {}), extra });
  }
  return extended;
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
  if (json.kind === 'object') return cut(stringOf(get(json, '_aj_globalid')) ?? '{…}', COLUMN_TEXT_LENGTH);
  return cut(stringOf(json) ?? json.text, COLUMN_TEXT_LENGTH);
}
