import 'server-only';
import sql, { join } from 'sql-template-tag';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import type { Tx } from '../db/database';
import { isLargeJson } from '../db/text-limit';
import { PAUSE_KINDS, PAUSE_LISTS, type PauseKind } from '../good-job/settings';
import { readyAt } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import type { Count } from '../jobs/types';
import { redactName } from '../redaction/redaction';

export interface PauseRow {
  kind: PauseKind;
  name: string;
  /** Jobs that wait under it: not finished, not begun. */
  waiting: Count;
  /** Those of them that are due: a worker would take them but for the pause. The count that /attention has. */
  ready: Count;
}

export interface PauseList {
  rows: PauseRow[];
  /** When the setting last changed, whichever pause it was; null: nothing was ever paused. */
  changedAt: string | null;
  /** What is stored is no object of lists. */
  unreadable: boolean;
  /** The stored pauses are too large to be read, so none is listed. */
  tooLarge: boolean;
  /** More names than are shown. */
  more: boolean;
}

const SHOWN = 200;
/** A lower bound says no more than this. */
const AT_LEAST = 10_000;
/** Waiting jobs that are looked at for classes and labels: none of GoodJob's indexes leads to those of them that wait. */
const LOOKED_AT = 30_000;
const BUDGET_MS = 1_500;

type Named = { kind: PauseKind; name: string };
type Held = Pick<PauseRow, 'waiting' | 'ready'>;

/** A count of jobs among the first ones that were read. */
function countOf(count: number, isComplete: boolean): Count {
  return isComplete
    ? { kind: 'exact', count }
    : { kind: 'at_least', count: Math.min(count, AT_LEAST) };
}

/** What is paused, and how many jobs wait under each. */
export async function listPauses(ctx: Ctx): Promise<PauseList> {
  const stored = await ctx.db.read((tx) => readPauses(tx, ctx.tables));
  const shown = stored.names.slice(0, SHOWN);
  const counts = await ctx.db
    .read((tx) => countWaiting(tx, ctx.tables, shown), { timeoutMs: BUDGET_MS, byIndexOnly: true })
    .catch((error: unknown) => {
      if (error instanceof ConsoleError && error.code === 'query_timeout') return [];
      throw error;
    });
  return {
    rows: shown.map((named, n) => ({
      ...named,
      name: redactName(named.name),
      ...(counts[n] ?? { waiting: { kind: 'unknown' }, ready: { kind: 'unknown' } }),
    })),
    changedAt: stored.changedAt,
    unreadable: stored.unreadable,
    tooLarge: stored.tooLarge,
    more: stored.names.length > shown.length,
  };
}

async function readPauses(
  tx: Tx,
  tables: GoodJobTables,
): Promise<{
  names: Named[];
  changedAt: string | null;
  unreadable: boolean;
  tooLarge: boolean;
}> {
  const lists = PAUSE_KINDS.map((kind) => PAUSE_LISTS[kind]);
  const rows = await tx.query<{
    changedAt: string;
    tooLarge: boolean;
    readable: boolean;
    list: string | null;
    name: string | null;
  }>(sql`
    SELECT s.updated_at AS "changedAt", l.list, e #>> '{}' AS name,
           jsonb_typeof(s.value) = 'object' AND NOT EXISTS (SELECT 1 FROM unnest(${lists}::text[]) k WHERE jsonb_typeof(s.value -> k) NOT IN ('array', 'null')) AS readable,
           s.value IS NULL AND s.is_large AS "tooLarge"
      FROM (SELECT s.updated_at, s.is_large, CASE WHEN NOT s.is_large THEN s.value END AS value
              FROM (SELECT s.*, ${isLargeJson(sql`s.value`)} AS is_large
                      FROM ${tables.settings} s WHERE s.key = 'pauses' OFFSET 0) s) s
      LEFT JOIN unnest(${lists}::text[]) WITH ORDINALITY l(list, n) ON true
      LEFT JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(s.value -> l.list) WHEN 'array' THEN s.value -> l.list ELSE '[]' END) WITH ORDINALITY a(e, m) ON jsonb_typeof(e) = 'string'
     ORDER BY l.n, a.m`);
  const names = rows.flatMap(({ list, name }) => {
    const kind = PAUSE_KINDS.find((one) => PAUSE_LISTS[one] === list);
    return kind && name !== null ? [{ kind, name }] : [];
  });
  // A name that is there twice is one pause.
  const unique = [...new Map(names.map((named) => [JSON.stringify(named), named])).values()];
  return {
    names: unique,
    changedAt: rows[0]?.changedAt ?? null,
    unreadable: rows[0] !== undefined && !rows[0].tooLarge && rows[0].readable !== true,
    tooLarge: rows[0]?.tooLarge ?? false,
  };
}

async function countWaiting(tx: Tx, tables: GoodJobTables, names: Named[]): Promise<Held[]> {
  const queues = names.filter(({ kind }) => kind === 'queue').map(({ name }) => name);
  const byQueue = await countQueues(tx, tables, queues);
  const others = names.filter(({ kind }) => kind !== 'queue');
  const byOther =
    others.length === 0 ? new Map<string, Held>() : await countOthers(tx, tables, others);
  return names.map(
    ({ kind, name }) =>
      (kind === 'queue' ? byQueue.get(name) : byOther.get(`${kind} ${name}`)) ?? {
        waiting: { kind: 'exact', count: 0 },
        ready: { kind: 'exact', count: 0 },
      },
  );
}

const waits = sql`j.finished_at IS NULL AND j.performed_at IS NULL`;

/** index_good_jobs_on_queue_name_and_scheduled_at. As a range: of an equality the planner takes the jobs of all queues. */
async function countQueues(
  tx: Tx,
  tables: GoodJobTables,
  queues: string[],
): Promise<Map<string, Held>> {
  if (queues.length === 0) return new Map();
  const rows = await tx.query<{
    name: string;
    looked: number;
    count: number;
    ready: number;
  }>(
    join(
      queues.map(
        (name) => sql`
      SELECT ${name}::text AS name, count(*)::int AS looked, (count(*) FILTER (WHERE o.performed_at IS NULL))::int AS count,
             (count(*) FILTER (WHERE o.performed_at IS NULL AND o.ready_at <= now()))::int AS ready FROM (
        SELECT j.performed_at, ${readyAt} AS ready_at FROM ${tables.jobs} j WHERE j.queue_name = ${name} AND j.finished_at IS NULL LIMIT ${AT_LEAST + 1}) o`,
      ),
      ' UNION ALL ',
    ),
  );
  return new Map(
    rows.map(({ name, looked, count, ready }) => [
      name,
      { waiting: countOf(count, looked <= AT_LEAST), ready: countOf(ready, looked <= AT_LEAST) },
    ]),
  );
}

/** Of the first waiting jobs; exact when there are no more. */
async function countOthers(
  tx: Tx,
  tables: GoodJobTables,
  names: Named[],
): Promise<Map<string, Held>> {
  const classes = names.filter(({ kind }) => kind === 'job_class').map(({ name }) => name);
  const labels = names.filter(({ kind }) => kind === 'label').map(({ name }) => name);
  const rows = await tx.query<{
    kind: PauseKind | 'all';
    name: string;
    count: number;
    ready: number;
  }>(sql`
    WITH waiting AS MATERIALIZED (SELECT j.job_class, j.labels, ${readyAt} <= now() AS ready FROM ${tables.jobs} j WHERE ${waits} LIMIT ${LOOKED_AT})
    SELECT 'all' AS kind, '' AS name, count(*)::int AS count, 0 AS ready FROM waiting
    UNION ALL SELECT 'job_class', w.job_class, count(*)::int, (count(*) FILTER (WHERE w.ready))::int
      FROM waiting w WHERE w.job_class = ANY(${classes}::text[]) GROUP BY w.job_class
    UNION ALL SELECT 'label', l.label, count(*)::int, (count(*) FILTER (WHERE w.ready))::int
      FROM waiting w CROSS JOIN LATERAL (SELECT DISTINCT u AS label FROM unnest(w.labels) u) l WHERE l.label = ANY(${labels}::text[]) GROUP BY l.label`);
  const complete = (rows.find(({ kind }) => kind === 'all')?.count ?? 0) < LOOKED_AT;
  return new Map(
    names.map(({ kind, name }) => {
      const { count = 0, ready = 0 } =
        rows.find((row) => row.kind === kind && row.name === name) ?? {};
      const held: Held = {
        waiting: complete || count > 0 ? countOf(count, complete) : { kind: 'unknown' },
        ready: complete || ready > 0 ? countOf(ready, complete) : { kind: 'unknown' },
      };
      return [`${kind} ${name}`, held];
    }),
  );
}
