import 'server-only';
import sql, { type Sql, raw } from 'sql-template-tag';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import { cut } from '../core/text';
import type { Tx } from '../db/database';
import { isInState } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import { redactError } from '../redaction/redaction';
import { newPageBudget, redactJobErrors, unreadJob } from '../redaction/row-texts';
import {
  type DiscardCount,
  type DiscardCounts,
  FAILURE_RANGES,
  type FailureFilter,
  RANGE_NAMES,
} from './filters';

/** Discarded jobs that are counted by name at most: 30 ms for each 10,000. */
const COUNTED = 60_000;
const COUNTED_AT_LEAST = 5_000;
const COUNT_MS = 900;
const NAMES_SHOWN = 500;
const NAME_READ = 300;
const SEPARATOR = ': ';
/** Ruby's name of a class, which repeats nothing of a job's data. */
const CONSTANT = /^[A-Z]\w{0,99}(?:::[A-Z]\w{0,99}){0,9}$/;

/** GoodJob's own two tables: discarded jobs by class or by exception (what stands before the first `: `), in all and by its columns. */
export async function countDiscarded(
  ctx: Ctx,
  filter: FailureFilter,
  limit = COUNTED,
): Promise<DiscardCounts> {
  return readCounts(ctx, filter, limit).catch((error: unknown) => {
    if (error instanceof ConsoleError && error.code === 'query_timeout' && limit > COUNTED_AT_LEAST)
      return readCounts(ctx, filter, COUNTED_AT_LEAST);
    throw error;
  });
}

interface StoredCount {
  name: string | null;
  bare: boolean;
  /** A job with this name. */
  sample: string | null;
  /** A JSON array: in all, then by RANGE_NAMES. */
  counts: string;
  isTotal: boolean;
  looked: number;
  since: string;
  now: string;
}

const countOfRange = (seconds: number) =>
  `(count(*) FILTER (WHERE l.finished_at >= now() - interval '${seconds} seconds'))::int`;
const COUNTS = raw(
  `array_to_json(ARRAY[count(*)::int, ${RANGE_NAMES.map((range) => countOfRange(FAILURE_RANGES[range])).join(', ')}])::text AS counts`,
);

async function readCounts(
  ctx: Ctx,
  { by, jobClass }: FailureFilter,
  limit: number,
): Promise<DiscardCounts> {
  const name: Sql =
    by === 'class'
      ? sql`left(j.job_class, ${NAME_READ})`
      : sql`left(split_part(left(j.error, 2000), ${SEPARATOR}, 1), ${NAME_READ})`;
  const bare: Sql =
    by === 'class' ? sql`false` : sql`position(${SEPARATOR} IN left(j.error, 2000)) = 0`;
  const ofClass = jobClass === null ? sql`true` : sql`j.job_class = ${jobClass}`;
  const scanned = sql`now() AS now, (SELECT min(finished_at) FROM looked) AS since,
    (SELECT count(*)::int FROM looked) AS looked`;
  return ctx.db.read(
    async (tx) => {
      const rows = await tx.query<StoredCount>(sql`
        WITH looked AS MATERIALIZED (
          SELECT ${name} AS name, ${bare} AS bare, j.finished_at, j.id FROM ${ctx.tables.jobs} j
           WHERE ${isInState('discarded')} AND ${ofClass}
           ORDER BY j.finished_at DESC
           LIMIT ${limit + 1})
        (SELECT l.name, bool_or(l.bare) AS bare, (array_agg(l.id))[1] AS sample, ${COUNTS},
                false AS "isTotal", ${scanned}
           FROM looked l
          GROUP BY l.name
          ORDER BY l.name
          LIMIT ${NAMES_SHOWN})
        UNION ALL
        SELECT NULL, false, NULL, ${COUNTS}, true, ${scanned} FROM looked l`);
      const names = rows.filter(({ isTotal }) => !isTotal);
      const total = rows.find(({ isTotal }) => isTotal);
      if (!total) throw new Error('The database gave no row for an aggregate.');
      return {
        rows: by === 'class' ? names.map(ofClassName) : await ofExceptions(tx, ctx.tables, names),
        total: { ...countsOf(total), name: null, bare: false, cut: false, tooLarge: false },
        since: total.looked > limit ? total.since : null,
        now: total.now,
      };
    },
    { byIndexOnly: true, timeoutMs: COUNT_MS },
  );
}

function countsOf({ counts }: StoredCount): Pick<DiscardCount, 'all' | 'counts'> {
  const [all = 0, ...others] = JSON.parse(counts) as number[];
  return { all, counts: others };
}

const isCut = (name: string | null) => (name ?? '').length >= NAME_READ;

function ofClassName(row: StoredCount): DiscardCount {
  const { name, bare } = row;
  return { ...countsOf(row), name, bare, cut: isCut(name), tooLarge: false };
}

/** A name that is no constant is the beginning of an error: shown as that error is in one of its jobs. */
async function ofExceptions(
  tx: Tx,
  tables: GoodJobTables,
  rows: StoredCount[],
): Promise<DiscardCount[]> {
  const isConstant = ({ name }: StoredCount) => name === null || CONSTANT.test(name);
  const samples = rows.flatMap((row) => (isConstant(row) ? [] : (row.sample ?? [])));
  const jobs = await redactJobErrors(tx, tables, samples, newPageBudget());
  return rows.map((row) => {
    const { name, bare } = row;
    if (name === null || isConstant(row)) {
      const shown = name && redactError(name);
      return {
        ...countsOf(row),
        name: shown,
        bare,
        cut: shown !== name || isCut(name),
        tooLarge: false,
      };
    }
    const { error, tooLarge } = jobs.get(row.sample ?? '') ?? unreadJob(false);
    const shown = cut(error?.split(SEPARATOR, 1)[0] ?? '', NAME_READ);
    return { ...countsOf(row), name: shown, bare, cut: shown !== name || isCut(name), tooLarge };
  });
}
