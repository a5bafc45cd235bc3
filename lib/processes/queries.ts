import 'server-only';
import sql, { empty, type Sql } from 'sql-template-tag';
import { redactNames } from '../context/redact-names';
import type { Ctx } from '../context/types';
import { parseJson, prettyJson, redactJson } from '../core/json-text';
import {
  type Cursor,
  type NotUnderstood,
  PAGE_SIZE,
  type Page,
  type Params,
  parseCursor,
  toPage,
} from '../core/search-params';
import { cut, isFilterText } from '../core/text';
import type { Tx } from '../db/database';
import { type Order, afterCursorSql, orderBy } from '../db/text-limit';
import {
  type ReportedState,
  type Scheduler,
  readProcessState,
  servesQueue,
  threadsOf,
} from '../good-job/process-state';
import {
  PROCESS_STATES,
  type ProcessState,
  livePools,
  processStateOf,
  stateText,
} from '../good-job/processes';
import type { GoodJobTables } from '../good-job/tables';
import type { Count } from '../jobs/types';
import { redactName, redaction, redactor } from '../redaction/redaction';
import { newPageBudget } from '../redaction/row-texts';
import { SecretRegistry } from '../redaction/secret-registry';

export interface ProcessFilter {
  state: ProcessState | null;
  /** Live processes that serve this queue. */
  queueName: string | null;
  cursor: Cursor | null;
  notUnderstood: NotUnderstood[];
}

const isState = (text: string): text is ProcessState =>
  (PROCESS_STATES as readonly string[]).includes(text);

/** Reads the filter of the processes page from its URL. */
export function parseProcessFilter(params: Params): ProcessFilter {
  const [state, queueName, cursor] = [
    params.get('state') || null,
    params.get('queue_name') || null,
    parseCursor(params),
  ];
  const notUnderstood: NotUnderstood[] = [];
  if (state && !isState(state)) notUnderstood.push({ name: 'state', value: cut(state, 80) });
  if (queueName && !isFilterText(queueName))
    notUnderstood.push({
      name: 'queue_name',
      value: cut(queueName.replaceAll('\0', '\uFFFD'), 80),
    });
  if (cursor === 'not_understood')
    notUnderstood.push({
      name: 'after_id',
      value: cut(params.get('after_id') ?? params.get('before_id') ?? '', 80),
    });
  return {
    state: state && isState(state) ? state : null,
    queueName: notUnderstood.some(({ name }) => name === 'queue_name') ? null : queueName,
    cursor: cursor === 'not_understood' ? null : cursor,
    notUnderstood,
  };
}

/** The filter as query parameters, without its cursor. */
export function processFilterParams({
  state,
  queueName,
}: Pick<ProcessFilter, 'state' | 'queueName'>): Record<string, string> {
  return { ...(state ? { state } : {}), ...(queueName ? { queue_name: queueName } : {}) };
}

/** Running jobs that are listed under their process. */
export const JOBS_SHOWN = 5;
/** A process with more pools than this is looked at in its raw state. */
export const SCHEDULERS_SHOWN = 12;

export interface RunningJob {
  id: string;
  jobClass: string | null;
  queueName: string | null;
  performedAt: string;
}

export interface ProcessRow {
  id: string;
  state: ProcessState;
  /** What its life is known by: `advisory` its lock, null when it was last seen; else a number that GoodJob does not write. */
  lockType: 'advisory' | number | null;
  createdAt: string;
  updatedAt: string;
  sortAt: string;
  /** Its state is too large to be a worker's, and was not read. */
  tooLarge: boolean;
  /** Null: it tells nothing, or too much. */
  told: (Omit<ReportedState, 'schedulers'> & { schedulers: Omit<Scheduler, 'pools'>[] }) | null;
  /** Busy threads and all; null: a scheduler does not tell. */
  threads: { busy: number | null; total: number | null };
  /** Jobs that it holds by its id and that run; of a dead one they run no more. */
  running: Count;
  jobs: RunningJob[];
}

export interface ProcessesPage extends Page<ProcessRow> {
  counts: Record<ProcessState, Count>;
}

/** Rows of good_job_processes that are counted; GoodJob removes dead ones whenever a worker starts. */
const COUNTED = 10_000;
const RUNNING_COUNTED = 1_000;
const TEXT_SHOWN = 300;

const newestFirst: Order = { key: sql`j.created_at`, direction: 'desc' };
const NONE: Count = { kind: 'exact', count: 0 };

interface StoredProcess extends Pick<
  ProcessRow,
  'id' | 'state' | 'createdAt' | 'updatedAt' | 'sortAt'
> {
  lockType: number | null;
  told: string | null;
  stored: boolean;
  running: number;
}

/** One page of processes, the newest first as GoodJob lists them, each with the jobs that it runs. */
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
      // good_job_processes has no index but its key: the scan is of workers, not of jobs.
      const found = await tx.query<StoredProcess>(sql`
      SELECT j.id, j.state, j.created_at AS "createdAt", j.created_at AS "sortAt", j.updated_at AS "updatedAt", j.lock_type AS "lockType", ${stateText} AS told, p.state IS NOT NULL AS stored,
             (SELECT count(*)::int FROM (SELECT 1 ${runningOf(tables)} LIMIT ${RUNNING_COUNTED + 1}) r) AS running
        FROM (SELECT j.* FROM (SELECT p.id, p.created_at, p.updated_at, ${tables.column('good_job_processes', 'p', 'lock_type', 'smallint')} AS lock_type, ${processStateOf(tables)} AS state FROM ${tables.processes} p) j
               WHERE ${filter.state ? sql`j.state = ${filter.state}` : sql`true`} ${serving ? sql`AND j.id = ANY(${serving}::uuid[])` : empty} ${cursor ? sql`AND ${afterCursorSql(newestFirst, cursor)}` : empty}
               ${orderBy(newestFirst, cursor)} LIMIT ${PAGE_SIZE + 1}) j
        JOIN ${tables.processes} p ON p.id = j.id ${orderBy(newestFirst, cursor)}`);
      const page = toPage(found, cursor, PAGE_SIZE);
      const jobs = await runningJobs(
        tx,
        tables,
        page.rows.flatMap(({ id, running }) => (running > 0 ? [id] : [])),
      );
      const queues = [...jobs.values()].flat().map(({ queueName }) => queueName);
      const redactQueue = await redactNames(ctx, 'queue_name', queues, tx);
      const shownJobs = (id: string) =>
        (jobs.get(id) ?? []).map((job) => ({
          ...job,
          jobClass: redactName(job.jobClass),
          queueName: redactQueue(job.queueName),
        }));
      const budget = newPageBudget();
      const rows: ProcessRow[] = [];
      for (const row of page.rows) {
        const fits = budget.spend(row.told?.length ?? 0);
        rows.push(rowOf(fits ? row : { ...row, told: null }, shownJobs(row.id)));
        await budget.yieldIfDue();
      }
      return { ...page, rows, counts };
    },
    { byIndexOnly: true },
  );
}

/**
 * Running jobs of the process `p` (index_good_jobs_on_locked_by_id). OFFSET 0: that they have not finished is asked of
 * them alone, else the planner goes through an index of all unfinished jobs for each process.
 */
function runningOf(tables: GoodJobTables): Sql {
  return sql`FROM (SELECT h.id, h.job_class, h.queue_name, h.performed_at, h.finished_at FROM ${tables.jobs} h WHERE h.locked_by_id = p.id OFFSET 0) r WHERE r.finished_at IS NULL AND r.performed_at IS NOT NULL`;
}

async function runningJobs(
  tx: Tx,
  tables: GoodJobTables,
  ids: string[],
): Promise<Map<string, RunningJob[]>> {
  if (ids.length === 0) return new Map();
  const rows = await tx.query<RunningJob & { processId: string }>(sql`
    SELECT p.id AS "processId", r.* FROM unnest(${ids}::uuid[]) p(id)
     CROSS JOIN LATERAL (SELECT r.id, left(r.job_class, ${TEXT_SHOWN}) AS "jobClass", left(r.queue_name, ${TEXT_SHOWN}) AS "queueName", r.performed_at AS "performedAt"
                           ${runningOf(tables)} ORDER BY r.performed_at, r.id LIMIT ${JOBS_SHOWN}) r`);
  const jobs = new Map<string, RunningJob[]>();
  for (const { processId, ...job } of rows)
    jobs.set(processId, [...(jobs.get(processId) ?? []), job]);
  return jobs;
}

function rowOf(
  { told, stored, lockType, running, ...row }: StoredProcess,
  jobs: RunningJob[],
): ProcessRow {
  const state = told === null ? null : readProcessState(told);
  // What one value of the state hides is hidden in the others too.
  const secrets = new SecretRegistry();
  if (told !== null) redaction().redactJson(parseJson(told), { secrets });
  const text = <Text extends string | null>(given: Text) =>
    (given === null ? null : redaction().redactText(given, secrets)) as Text;
  return {
    ...row,
    lockType: lockType === 0 ? 'advisory' : lockType,
    tooLarge: stored && told === null,
    told: state && {
      ...state,
      hostname: text(state.hostname),
      proctitle: text(state.proctitle),
      basename: text(state.proctitle) === state.proctitle ? state.basename : text(state.proctitle),
      otherKeys: state.otherKeys.map((key) => text(key)),
      schedulers: state.schedulers
        .slice(0, SCHEDULERS_SHOWN)
        .map(({ pools: _pools, ...scheduler }) => ({
          ...scheduler,
          name: text(scheduler.name),
          queues: text(scheduler.queues),
        })),
    },
    threads: state ? threadsOf(state.schedulers) : { busy: null, total: null },
    running:
      running > RUNNING_COUNTED
        ? { kind: 'at_least', count: RUNNING_COUNTED }
        : { kind: 'exact', count: running },
    jobs,
  };
}

async function sortAtOf(tx: Tx, tables: GoodJobTables, id: string): Promise<string | null> {
  const [row] = await tx.query<{ at: string }>(
    sql`SELECT p.created_at AS at FROM ${tables.processes} p WHERE p.id = ${id}`,
  );
  return row?.at ?? null;
}

async function countStates(tx: Tx, tables: GoodJobTables): Promise<Record<ProcessState, Count>> {
  const rows = await tx.query<{ state: ProcessState; count: number }>(sql`
    SELECT p.state, count(*)::int AS count FROM (SELECT ${processStateOf(tables)} AS state FROM (SELECT * FROM ${tables.processes} LIMIT ${COUNTED}) p) p GROUP BY p.state`);
  const isAll = rows.reduce((sum, { count }) => sum + count, 0) < COUNTED;
  const of = (state: ProcessState): Count => ({
    kind: isAll ? 'exact' : 'at_least',
    count: rows.find((row) => row.state === state)?.count ?? 0,
  });
  return Object.fromEntries(PROCESS_STATES.map((state) => [state, of(state)])) as Record<
    ProcessState,
    Count
  >;
}

async function idsServing(tx: Tx, tables: GoodJobTables, queueName: string): Promise<string[]> {
  const { byProcess } = await livePools(tx, tables);
  return byProcess.flatMap(({ id, pools }) =>
    pools.some(({ served }) => servesQueue(served, queueName)) ? [id] : [],
  );
}

/** What a process tells of itself, as GoodJob prints it; null when there is no such process, or its state is too large. */
export async function getRawProcess(ctx: Ctx, id: string): Promise<string | null> {
  const [row] = await ctx.db.read((tx) =>
    tx.query<{ told: string | null; stored: boolean }>(sql`
    SELECT ${stateText} AS told, p.state IS NOT NULL AS stored FROM ${ctx.tables.processes} p WHERE p.id = ${id}`),
  );
  if (!row || (row.stored && row.told === null)) return null;
  return prettyJson(redactJson(parseJson(row.told ?? '{}'), redactor));
}
