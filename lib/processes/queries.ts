import 'server-only';
import sql, { type Sql, empty } from 'sql-template-tag';
import { z } from 'zod';
import { redactNames } from '../context/redact-names';
import type { Ctx } from '../context/request-context';
import { parseJson, prettyJson, redactJson } from '../core/json';
import { truncateText, isFilterText } from '../core/text';
import {
  type Cursor,
  type NotUnderstood,
  type Page,
  PAGE_SIZE,
  type Params,
  parseCursor,
  toPage,
} from '../core/urls';
import type { Tx } from '../db/database';
import { type Order, afterCursorSql, orderBySql } from '../db/text-limit';
import {
  PROCESS_STATES,
  type ProcessState,
  type ReportedState,
  type Scheduler,
  livePools,
  processStateOf,
  readProcessState,
  servesQueue,
  stateText,
  totalThreads,
} from '../good-job/processes';
import type { GoodJobTables } from '../good-job/tables';
import type { Count } from '../jobs/types';
import { redactName, redaction, redactor } from '../redaction/redaction';
import { newPageBudget } from '../redaction/row-texts';
import { SecretRegistry } from '../redaction/secret-registry';

interface ProcessFilter {
  state: ProcessState | null;
  /** Only live processes that serve this queue. */
  queueName: string | null;
  cursor: Cursor | null;
  notUnderstood: NotUnderstood[];
}

const isState = (text: string): text is ProcessState =>
  PROCESS_STATES.some((state) => state === text);

/** Parses the filter of the processes page; invalid parameters are in `notUnderstood`. */
export function parseProcessFilter(params: Params): ProcessFilter {
  const state = params.get('state') || null;
  const queueName = params.get('queue_name') || null;
  const cursor = parseCursor(params);
  const notUnderstood: NotUnderstood[] = [];
  if (state && !isState(state))
    notUnderstood.push({ name: 'state', value: truncateText(state, 80) });
  if (queueName && !isFilterText(queueName))
    notUnderstood.push({
      name: 'queue_name',
      value: truncateText(queueName.replaceAll('\0', '\uFFFD'), 80),
    });
  if (cursor === 'not_understood')
    notUnderstood.push({
      name: 'after_id',
      value: truncateText(params.get('after_id') ?? params.get('before_id') ?? '', 80),
    });
  return {
    state: state && isState(state) ? state : null,
    queueName: notUnderstood.some(({ name }) => name === 'queue_name') ? null : queueName,
    cursor: cursor === 'not_understood' ? null : cursor,
    notUnderstood,
  };
}

/** Returns the query parameters of the filter, without the cursor. */
export function processFilterParams({
  state,
  queueName,
}: Pick<ProcessFilter, 'state' | 'queueName'>): Record<string, string> {
  return { ...(state ? { state } : {}), ...(queueName ? { queue_name: queueName } : {}) };
}

/** Running jobs to list per process. */
const JOBS_SHOWN = 5;
/** Schedulers to list per process; the raw state has all. */
const SCHEDULERS_SHOWN = 12;

const runningJob = z.strictObject({
  id: z.string(),
  jobClass: z.string().nullable(),
  queueName: z.string().nullable(),
  performedAt: z.string(),
});
export type RunningJob = z.infer<typeof runningJob>;

export interface ProcessRow {
  id: string;
  state: ProcessState;
  /**
   * How its liveness is determined: by its advisory lock, or (null) by its heartbeat. A number is a
   * value that GoodJob does not write.
   */
  lockType: 'advisory' | number | null;
  createdAt: string;
  updatedAt: string;
  sortAt: string;
  /** Its state exceeds the size limit and was not read. */
  tooLarge: boolean;
  /** The state that the process reports; null: none, or too large. */
  reportedState:
    (Omit<ReportedState, 'schedulers'> & { schedulers: Omit<Scheduler, 'pools'>[] }) | null;
  /** Null: a scheduler does not report the number. */
  threads: { busy: number | null; total: number | null };
  /** Running jobs with its id in `locked_by_id`; those of a dead process were interrupted. */
  running: Count;
  jobs: RunningJob[];
}

export interface ProcessesPage extends Page<ProcessRow> {
  counts: Record<ProcessState, Count>;
}

/** Processes to count; there are few, because GoodJob removes dead ones when a worker starts. */
const PROCESS_COUNT_LIMIT = 10_000;
const RUNNING_COUNT_LIMIT = 1_000;
const NAME_LENGTH = 300;

const newestFirst: Order = { key: sql`j.created_at`, direction: 'desc' };
const NONE: Count = { kind: 'exact', count: 0 };

const storedProcess = z.strictObject({
  id: z.string(),
  state: z.enum(PROCESS_STATES),
  createdAt: z.string(),
  sortAt: z.string(),
  updatedAt: z.string(),
  lockType: z.number().nullable(),
  /** Null: none, or too large. */
  stateJson: z.string().nullable(),
  hasState: z.boolean(),
  /** At most RUNNING_COUNT_LIMIT + 1. */
  running: z.number(),
});
type StoredProcess = z.infer<typeof storedProcess>;

/**
 * Returns one page of processes, newest first as in GoodJob, with the jobs that each runs. An
 * invalid filter returns an empty page.
 */
export async function listProcesses(ctx: Ctx, filter: ProcessFilter): Promise<ProcessesPage> {
  if (filter.notUnderstood.length > 0)
    return {
      rows: [],
      previous: null,
      next: null,
      counts: { live: NONE, stale: NONE, dead: NONE, unknown: NONE },
    };
  const { tables } = ctx;
  return ctx.db.read(
    async (tx) => {
      const counts = await countStates(tx, tables);
      const cursor = filter.cursor && {
        ...filter.cursor,
        at: (await sortAtOf(tx, tables, filter.cursor.id)) ?? filter.cursor.at,
      };
      if (cursor?.at === null) return { rows: [], previous: null, next: null, counts };
      const serving =
        filter.queueName === null ? null : await idsServing(tx, tables, filter.queueName);
      const stored = await tx.query(
        storedProcess,
        processesSql(tables, { state: filter.state, ids: serving, cursor }),
      );
      const page = toPage(stored, cursor, PAGE_SIZE);
      const jobs = await readRunningJobs(
        tx,
        tables,
        page.rows.flatMap(({ id, running }) => (running > 0 ? [id] : [])),
      );
      const queues = [...jobs.values()].flat().map(({ queueName }) => queueName);
      const redactQueue = await redactNames(ctx, 'queue_name', queues, tx);
      const redactJobs = (id: string) =>
        (jobs.get(id) ?? []).map((job) => ({
          ...job,
          jobClass: redactName(job.jobClass),
          queueName: redactQueue(job.queueName),
        }));
      const budget = newPageBudget();
      const rows: ProcessRow[] = [];
      for (const row of page.rows) {
        const fits = budget.spend(row.stateJson?.length ?? 0);
        rows.push(toRow(fits ? row : { ...row, stateJson: null }, redactJobs(row.id)));
        await budget.yieldIfDue();
      }
      return { ...page, rows, counts };
    },
    { byIndexOnly: true },
  );
}

/** good_job_processes has only its primary key; the table scan is fine, as workers are few. */
function processesSql(
  tables: GoodJobTables,
  { state, ids, cursor }: Pick<ProcessFilter, 'state' | 'cursor'> & { ids: string[] | null },
): Sql {
  const lockType = tables.column('good_job_processes', 'p', 'lock_type', 'smallint');
  return sql`
    SELECT j.id, j.state,
           j.created_at AS "createdAt",
           j.created_at AS "sortAt",
           j.updated_at AS "updatedAt",
           j.lock_type AS "lockType",
           ${stateText} AS "stateJson",
           p.state IS NOT NULL AS "hasState",
           (SELECT count(*)::int
              FROM (SELECT 1 ${fromRunningJobs(tables)}
                     LIMIT ${RUNNING_COUNT_LIMIT + 1}) r) AS running
      FROM (SELECT j.*
              FROM (SELECT p.id, p.created_at, p.updated_at,
                           ${lockType} AS lock_type,
                           ${processStateOf(tables)} AS state
                      FROM ${tables.processes} p) j
             WHERE ${state ? sql`j.state = ${state}` : sql`true`}
                   ${ids ? sql`AND j.id = ANY(${ids}::uuid[])` : empty}
                   ${cursor ? sql`AND ${afterCursorSql(newestFirst, cursor)}` : empty}
             ${orderBySql(newestFirst, cursor)}
             LIMIT ${PAGE_SIZE + 1}) j
      JOIN ${tables.processes} p ON p.id = j.id
     ${orderBySql(newestFirst, cursor)}`;
}

/**
 * The running jobs of the process `p` by index_good_jobs_on_locked_by_id. OFFSET 0 keeps the
 * planner from using an index of all unfinished jobs for each process.
 */
function fromRunningJobs(tables: GoodJobTables): Sql {
  return sql`
    FROM (SELECT h.id, h.job_class, h.queue_name, h.performed_at, h.finished_at
            FROM ${tables.jobs} h
           WHERE h.locked_by_id = p.id
          OFFSET 0) r
   WHERE r.finished_at IS NULL
     AND r.performed_at IS NOT NULL`;
}

const runningJobRow = runningJob.extend({ processId: z.string() });

async function readRunningJobs(
  tx: Tx,
  tables: GoodJobTables,
  ids: string[],
): Promise<Map<string, RunningJob[]>> {
  if (ids.length === 0) return new Map();
  const rows = await tx.query(
    runningJobRow,
    sql`
      SELECT p.id AS "processId", r.*
        FROM unnest(${ids}::uuid[]) p(id)
       CROSS JOIN LATERAL (
         SELECT r.id,
                left(r.job_class, ${NAME_LENGTH}) AS "jobClass",
                left(r.queue_name, ${NAME_LENGTH}) AS "queueName",
                r.performed_at AS "performedAt"
           ${fromRunningJobs(tables)}
          ORDER BY r.performed_at, r.id
          LIMIT ${JOBS_SHOWN}
       ) r`,
  );
  const jobs = new Map<string, RunningJob[]>();
  for (const { processId, ...job } of rows)
    jobs.set(processId, [...(jobs.get(processId) ?? []), job]);
  return jobs;
}

function toRow(
  { stateJson, hasState, lockType, running, ...row }: StoredProcess,
  jobs: RunningJob[],
): ProcessRow {
  const state = stateJson === null ? null : readProcessState(stateJson);
  // Collects the secrets of the whole state first, because another value may repeat them.
  const secrets = new SecretRegistry();
  if (stateJson !== null) redaction().redactJson(parseJson(stateJson), { secrets });
  const redact = (text: string) => redaction().redactText(text, secrets);
  const redactOptional = (text: string | null) => (text === null ? null : redact(text));
  const proctitle = state && redactOptional(state.proctitle);
  return {
    ...row,
    lockType: lockType === 0 ? 'advisory' : lockType,
    tooLarge: hasState && stateJson === null,
    reportedState: state && {
      ...state,
      hostname: redactOptional(state.hostname),
      proctitle,
      basename: proctitle === state.proctitle ? state.basename : proctitle,
      otherKeys: state.otherKeys.map(redact),
      schedulers: state.schedulers
        .slice(0, SCHEDULERS_SHOWN)
        .map(({ pools: _pools, ...scheduler }) => ({
          ...scheduler,
          name: redactOptional(scheduler.name),
          queues: redactOptional(scheduler.queues),
        })),
    },
    threads: state ? totalThreads(state.schedulers) : { busy: null, total: null },
    running:
      running > RUNNING_COUNT_LIMIT
        ? { kind: 'at_least', count: RUNNING_COUNT_LIMIT }
        : { kind: 'exact', count: running },
    jobs,
  };
}

const createdAtRow = z.strictObject({ at: z.string() });

async function sortAtOf(tx: Tx, tables: GoodJobTables, id: string): Promise<string | null> {
  const [row] = await tx.query(
    createdAtRow,
    sql`SELECT p.created_at AS at FROM ${tables.processes} p WHERE p.id = ${id}`,
  );
  return row?.at ?? null;
}

const stateCountRow = z.strictObject({ state: z.enum(PROCESS_STATES), count: z.number() });

async function countStates(tx: Tx, tables: GoodJobTables): Promise<Record<ProcessState, Count>> {
  const rows = await tx.query(
    stateCountRow,
    sql`
      SELECT p.state, count(*)::int AS count
        FROM (SELECT ${processStateOf(tables)} AS state
                FROM (SELECT * FROM ${tables.processes} LIMIT ${PROCESS_COUNT_LIMIT}) p) p
       GROUP BY p.state`,
  );
  const isComplete = rows.reduce((sum, { count }) => sum + count, 0) < PROCESS_COUNT_LIMIT;
  const countOf = (state: ProcessState): Count => ({
    kind: isComplete ? 'exact' : 'at_least',
    count: rows.find((row) => row.state === state)?.count ?? 0,
  });
  return {
    live: countOf('live'),
    stale: countOf('stale'),
    dead: countOf('dead'),
    unknown: countOf('unknown'),
  };
}

async function idsServing(tx: Tx, tables: GoodJobTables, queueName: string): Promise<string[]> {
  const { byProcess } = await livePools(tx, tables);
  return byProcess.flatMap(({ id, pools }) =>
    pools.some(({ served }) => servesQueue(served, queueName)) ? [id] : [],
  );
}

const rawStateRow = storedProcess.pick({ stateJson: true, hasState: true });

/**
 * Returns the redacted state of a process as JSON text, as GoodJob prints it; null: the process
 * does not exist, or its state is too large.
 */
export async function getRawProcess(ctx: Ctx, id: string): Promise<string | null> {
  const [row] = await ctx.db.read((tx) =>
    tx.query(
      rawStateRow,
      sql`
        SELECT ${stateText} AS "stateJson", p.state IS NOT NULL AS "hasState"
          FROM ${ctx.tables.processes} p
         WHERE p.id = ${id}`,
    ),
  );
  if (!row || (row.hasState && row.stateJson === null)) return null;
  return prettyJson(redactJson(parseJson(row.stateJson ?? '{}'), redactor));
}
