import 'server-only';
import sql, { join } from 'sql-template-tag';
import { z } from 'zod';
import type { PauseRecord } from '../audit/types';
import { readPauseRecords } from '../console-schema/pause-records';
import type { Ctx } from '../context/request-context';
import { ignoreTimeout } from '../core/errors';
import type { Tx } from '../db/database';
import { isLargeJson } from '../db/text-limit';
import { runningByIndex } from '../good-job/locks';
import { PAUSE_LISTS } from '../good-job/settings';
import { type GoodJobTables, readyAt } from '../good-job/tables';
import { PAUSE_KINDS } from '../good-job/types';
import type { Count } from '../jobs/types';
import { redactName } from '../redaction/redaction';
import type { PauseList, PausePreview, PauseRow } from './types';

const MAX_ROWS = 200;
/** Counts above this are lower bounds. */
const COUNT_LIMIT = 10_000;
/** Waiting jobs to scan for classes and labels, which no index of GoodJob covers. */
const SCAN_LIMIT = 30_000;
const TIMEOUT_MS = 1_500;

type Pause = Pick<PauseRow, 'kind' | 'name'>;
type PauseCounts = Pick<PauseRow, 'waiting' | 'ready'>;

/** `isComplete`: the scan did not reach its limit. */
function toCount(count: number, isComplete: boolean): Count {
  return isComplete
    ? { kind: 'exact', count }
    : { kind: 'at_least', count: Math.min(count, COUNT_LIMIT) };
}

/**
 * Returns the pauses of GoodJob's setting `pauses` with the jobs that each prevents from running,
 * names redacted. Counts that time out are `unknown`.
 */
export async function listPauses(ctx: Ctx): Promise<PauseList> {
  const stored = await ctx.db.read((tx) => readPauses(tx, ctx.tables));
  const listed = stored.pauses.slice(0, MAX_ROWS);
  const counts = await ctx.db
    .read((tx) => countJobs(tx, ctx.tables, listed), { timeoutMs: TIMEOUT_MS, byIndexOnly: true })
    .catch(ignoreTimeout);
  const records = await readRecords(ctx, listed);
  return {
    rows: listed.map((pause, n) => ({
      ...pause,
      name: redactName(pause.name),
      ...(counts?.[n] ?? { waiting: { kind: 'unknown' }, ready: { kind: 'unknown' } }),
      ...(records[n] ?? NO_RECORD),
    })),
    changedAt: stored.changedAt,
    unreadable: stored.unreadable,
    tooLarge: stored.tooLarge,
    more: stored.pauses.length > listed.length,
  };
}

/** The record of a pause whose audit could not be read in time. */
const NO_RECORD: PauseRecord = { endsAt: null };

/** Empty if the audit cannot be read in time. */
async function readRecords(ctx: Ctx, pauses: Pause[]): Promise<PauseRecord[]> {
  const records = await ctx.db
    .read((tx) => readPauseRecords(tx, ctx, pauses), { timeoutMs: TIMEOUT_MS })
    .catch(ignoreTimeout);
  return records ?? [];
}

/**
 * Returns what a pause of this name affects now, and the pause if there is one. Counts that time
 * out are `unknown`.
 */
export async function previewPause(ctx: Ctx, pause: Pause): Promise<PausePreview> {
  const { tables } = ctx;
  const { pauses } = await ctx.db.read((tx) => readPauses(tx, tables));
  const isPaused = pauses.some(({ kind, name }) => kind === pause.kind && name === pause.name);
  const counts = await ctx.db
    .read(
      async (tx) => ({
        waiting: (await countJobs(tx, tables, [pause]))[0]?.waiting,
        running: await countRunning(tx, tables, pause),
      }),
      { timeoutMs: TIMEOUT_MS, byIndexOnly: true },
    )
    .catch(ignoreTimeout);
  const [record] = isPaused ? await readRecords(ctx, [pause]) : [];
  return {
    waiting: counts?.waiting ?? { kind: 'unknown' },
    running: counts?.running ?? { kind: 'unknown' },
    isPaused,
    ...(record ?? NO_RECORD),
  };
}

const runningRow = z.strictObject({ count: z.number() });

async function countRunning(tx: Tx, tables: GoodJobTables, pause: Pause): Promise<Count> {
  const matches = {
    queue: sql`j.queue_name = ${pause.name}`,
    job_class: sql`j.job_class = ${pause.name}`,
    label: sql`${pause.name} = ANY(j.labels)`,
  }[pause.kind];
  const [row] = await tx.query(
    runningRow,
    sql`
      SELECT count(*)::int AS count
        FROM ${tables.jobs} j
       WHERE ${await runningByIndex(tx, tables)}
         AND j.finished_at IS NULL
         AND j.performed_at IS NOT NULL
         AND ${matches}`,
  );
  return { kind: 'exact', count: row?.count ?? 0 };
}

type StoredPauses = Pick<PauseList, 'changedAt' | 'unreadable' | 'tooLarge'> & { pauses: Pause[] };

/** One pause, or a list without pauses. */
const pauseRow = z.strictObject({
  changedAt: z.string(),
  list: z.string().nullable(),
  /** Null: the list is empty or missing. */
  name: z.string().nullable(),
  /** Null: the setting is too large. */
  readable: z.boolean().nullable(),
  tooLarge: z.boolean(),
});

async function readPauses(tx: Tx, tables: GoodJobTables): Promise<StoredPauses> {
  const lists = PAUSE_KINDS.map((kind) => PAUSE_LISTS[kind]);
  const rows = await tx.query(
    pauseRow,
    sql`
      SELECT s.updated_at AS "changedAt",
             l.list,
             e #>> '{}' AS name,
             jsonb_typeof(s.value) = 'object'
               AND NOT EXISTS (
                 SELECT 1
                   FROM unnest(${lists}::text[]) k
                  WHERE jsonb_typeof(s.value -> k) NOT IN ('array', 'null')
               ) AS readable,
             s.value IS NULL AND s.is_large AS "tooLarge"
        FROM (SELECT s.updated_at, s.is_large,
                     CASE WHEN NOT s.is_large THEN s.value END AS value
                FROM (SELECT s.*, ${isLargeJson(sql`s.value`)} AS is_large
                        FROM ${tables.settings} s
                       WHERE s.key = 'pauses'
                      OFFSET 0) s) s
        LEFT JOIN unnest(${lists}::text[]) WITH ORDINALITY l(list, n) ON true
        LEFT JOIN LATERAL jsonb_array_elements(
               CASE jsonb_typeof(s.value -> l.list)
                 WHEN 'array' THEN s.value -> l.list
                 ELSE '[]'
               END
             ) WITH ORDINALITY a(e, m) ON jsonb_typeof(e) = 'string'
       ORDER BY l.n, a.m`,
  );
  const pauses = rows.flatMap(({ list, name }): Pause[] => {
    const kind = PAUSE_KINDS.find((pauseKind) => PAUSE_LISTS[pauseKind] === list);
    return kind && name !== null ? [{ kind, name }] : [];
  });
  const unique = [...new Map(pauses.map((pause) => [JSON.stringify(pause), pause])).values()];
  return {
    pauses: unique,
    changedAt: rows[0]?.changedAt ?? null,
    unreadable: rows[0] !== undefined && !rows[0].tooLarge && rows[0].readable !== true,
    tooLarge: rows[0]?.tooLarge ?? false,
  };
}

/** The counts of each pause, in the same order. */
async function countJobs(tx: Tx, tables: GoodJobTables, pauses: Pause[]): Promise<PauseCounts[]> {
  const queues = pauses.filter(({ kind }) => kind === 'queue').map(({ name }) => name);
  const byQueue = await countByQueue(tx, tables, queues);
  const others = pauses.filter(({ kind }) => kind !== 'queue');
  const byPause =
    others.length === 0
      ? new Map<string, PauseCounts>()
      : await countByClassAndLabel(tx, tables, others);
  return pauses.map(
    ({ kind, name }) =>
      (kind === 'queue' ? byQueue.get(name) : byPause.get(`${kind} ${name}`)) ?? {
        waiting: { kind: 'exact', count: 0 },
        ready: { kind: 'exact', count: 0 },
      },
  );
}

const queueCountRow = z.strictObject({
  name: z.string(),
  scanned: z.number(),
  count: z.number(),
  ready: z.number(),
});

/** One subquery per queue, so that each uses index_good_jobs_on_queue_name_and_scheduled_at. */
async function countByQueue(
  tx: Tx,
  tables: GoodJobTables,
  queues: string[],
): Promise<Map<string, PauseCounts>> {
  if (queues.length === 0) return new Map();
  const countQueue = (name: string) => sql`
    SELECT ${name}::text AS name,
           count(*)::int AS scanned,
           (count(*) FILTER (WHERE o.performed_at IS NULL))::int AS count,
           (count(*) FILTER (WHERE o.performed_at IS NULL AND o.ready_at <= now()))::int AS ready
      FROM (SELECT j.performed_at, ${readyAt} AS ready_at
              FROM ${tables.jobs} j
             WHERE j.queue_name = ${name}
               AND j.finished_at IS NULL
             LIMIT ${COUNT_LIMIT + 1}) o`;
  const rows = await tx.query(queueCountRow, join(queues.map(countQueue), ' UNION ALL '));
  return new Map(
    rows.map(({ name, scanned, count, ready }) => {
      const isComplete = scanned <= COUNT_LIMIT;
      return [name, { waiting: toCount(count, isComplete), ready: toCount(ready, isComplete) }];
    }),
  );
}

const waitingRow = z.strictObject({
  kind: z.enum(['all', 'job_class', 'label']),
  name: z.string(),
  count: z.number(),
  ready: z.number(),
});

/** Scans the first SCAN_LIMIT waiting jobs; the counts are exact if there are no more. */
async function countByClassAndLabel(
  tx: Tx,
  tables: GoodJobTables,
  pauses: Pause[],
): Promise<Map<string, PauseCounts>> {
  const classes = pauses.filter(({ kind }) => kind === 'job_class').map(({ name }) => name);
  const labels = pauses.filter(({ kind }) => kind === 'label').map(({ name }) => name);
  const rows = await tx.query(
    waitingRow,
    sql`
      WITH waiting AS MATERIALIZED (
        SELECT j.job_class, j.labels, ${readyAt} <= now() AS ready
          FROM ${tables.jobs} j
         WHERE j.finished_at IS NULL
           AND j.performed_at IS NULL
         LIMIT ${SCAN_LIMIT}
      )
      SELECT 'all' AS kind, '' AS name, count(*)::int AS count, 0 AS ready
        FROM waiting
      UNION ALL
      SELECT 'job_class', w.job_class, count(*)::int, (count(*) FILTER (WHERE w.ready))::int
        FROM waiting w
       WHERE w.job_class = ANY(${classes}::text[])
       GROUP BY w.job_class
      UNION ALL
      SELECT 'label', l.label, count(*)::int, (count(*) FILTER (WHERE w.ready))::int
        FROM waiting w
       CROSS JOIN LATERAL (SELECT DISTINCT u AS label FROM unnest(w.labels) u) l
       WHERE l.label = ANY(${labels}::text[])
       GROUP BY l.label`,
  );
  const isComplete = (rows.find(({ kind }) => kind === 'all')?.count ?? 0) < SCAN_LIMIT;
  const countOrUnknown = (count: number): Count =>
    isComplete || count > 0 ? toCount(count, isComplete) : { kind: 'unknown' };
  return new Map(
    pauses.map(({ kind, name }) => {
      const row = rows.find((candidate) => candidate.kind === kind && candidate.name === name);
      return [
        `${kind} ${name}`,
        { waiting: countOrUnknown(row?.count ?? 0), ready: countOrUnknown(row?.ready ?? 0) },
      ];
    }),
  );
}
