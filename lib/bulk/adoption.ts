import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import { CONSOLE_SCHEMA } from '../audit/recorder';
import { type Viewer, denial } from '../auth/roles';
import { ROLES } from '../config/authentication';
import { env } from '../config/environment';
import { MIGRATIONS } from '../console-schema/setup';
import { auditedTransaction } from '../context/audited-transaction';
import { loadDetection } from '../context/detection';
import { type Ctx, serverContext } from '../context/request-context';
import { ConsoleError } from '../core/errors';
import { onShutdown, processValue } from '../core/process-state';
import type { Tx } from '../db/database';
import { endDuePauses } from '../pauses/mutations';
import { enqueueRun, isStopping, isProcessingRun, serverId, stopRuns } from './runner';
import { ADOPTIONS, RUNS, VERSIONS, leaseEnd } from './runs';
import { BULK_ACTIONS, type BulkAction, type StalledRun, permissionOf } from './types';

/*
 * Another server continues a run whose server stopped or died, if it may write and its schema
 * version is the same. The lease ensures that only one does.
 */

/** A run is not adopted again after this many adoptions without progress. */
export const MAX_ADOPTIONS = 3;
/** Maximum number of runs adopted per poll. */
const MAX_RUNS_PER_POLL = 10;
const NEWEST_VERSION = Math.max(...MIGRATIONS.map(({ version }) => version));

/** Whether the run `r` is running although no server has its lease. */
const isAbandoned: Sql = sql`
  r.state = 'running' AND coalesce(r.lease_expires_at < clock_timestamp(), true)`;
/** A text that changes with every transaction of the run `r`. */
const progress: Sql = sql`
  concat_ws(' ', r.counts, r.pass, r.collected, r.collected_to_at, r.collected_to_id)`;
/** Whether the run `r` with the adoption record `a` will not be adopted again. */
const isStalled: Sql = sql`
  coalesce(a.count >= ${MAX_ADOPTIONS} AND a.progress = ${progress}, false)`;

const usableRow = z.strictObject({ usable: z.boolean() });
const versionRow = z.strictObject({ version: z.number().nullable() });

/** Whether this role may use the table of adoptions, and the schema has this server's version. */
async function canAdopt(tx: Tx): Promise<boolean> {
  const [table] = await tx.query(
    usableRow,
    sql`
      SELECT coalesce(
               has_table_privilege(a.oid, 'SELECT')
                 AND has_table_privilege(a.oid, 'INSERT')
                 AND has_table_privilege(a.oid, 'UPDATE')
                 AND has_table_privilege(v.oid, 'SELECT'), false) AS usable
        FROM (SELECT to_regclass(${`${CONSOLE_SCHEMA}.bulk_run_adoptions`}) AS oid) a,
             (SELECT to_regclass(${`${CONSOLE_SCHEMA}.schema_migrations`}) AS oid) v`,
  );
  if (!table?.usable) return false;
  const [row] = await tx.query(versionRow, sql`SELECT max(version) AS version FROM ${VERSIONS}`);
  return row?.version === NEWEST_VERSION;
}

const abandonedRunRow = z.strictObject({
  id: z.string(),
  action: z.enum(BULK_ACTIONS),
  viewer: z.string(),
  role: z.string(),
  requestId: z.string(),
});

/**
 * Adopts the abandoned runs (index `bulk_runs_running`), except those that made no progress in
 * MAX_ADOPTIONS adoptions. `contextOf` creates the context of a run's viewer. Returns the ids of
 * the adopted runs.
 */
export async function adoptRuns(
  ctx: Ctx,
  contextOf: (viewer: Viewer, requestId: string) => Ctx | Promise<Ctx>,
): Promise<string[]> {
  if (!ctx.bulkRuns || ctx.readOnly || isStopping()) return [];
  const runs = await ctx.db.read(async (tx) =>
    (await canAdopt(tx))
      ? tx.query(
          abandonedRunRow,
          sql`
            SELECT r.id, r.action, r.viewer, r.role, r.request_id AS "requestId"
              FROM ${RUNS} r
              LEFT JOIN ${ADOPTIONS} a ON a.run_id = r.id
             WHERE ${isAbandoned} AND NOT ${isStalled}
             ORDER BY r.created_at
             LIMIT ${MAX_RUNS_PER_POLL}`,
        )
      : [],
  );
  const adoptedIds: string[] = [];
  for (const { id, action, viewer, role: name, requestId } of runs) {
    const role = ROLES.find((candidate) => candidate === name);
    if (role === undefined || isProcessingRun(id)) continue;
    const runCtx = await contextOf({ id: viewer, role }, requestId);
    if (denial(runCtx.viewer, permissionOf(action), runCtx.readOnly)) continue;
    if (!(await takeAbandoned(runCtx, id, action))) continue;
    enqueueRun(runCtx, id, action);
    adoptedIds.push(id);
  }
  return adoptedIds;
}

const progressRow = z.strictObject({ progress: z.string() });

/**
 * Takes the lease of an abandoned run; false if another server or a user changed the run meanwhile.
 */
async function takeAbandoned(ctx: Ctx, id: string, action: BulkAction): Promise<boolean> {
  return auditedTransaction(
    ctx,
    permissionOf(action),
    async (tx) => {
      const [run] = await tx.query(
        progressRow,
        sql`
          UPDATE ${RUNS} r
             SET lease_owner = ${serverId()}, lease_expires_at = ${leaseEnd}
           WHERE r.id = ${id} AND ${isAbandoned}
           RETURNING ${progress} AS progress`,
      );
      if (!run) return false;
      await tx.execute(sql`
        INSERT INTO ${ADOPTIONS} AS a (run_id, count, progress)
        VALUES (${id}, 1, ${run.progress})
        ON CONFLICT (run_id) DO UPDATE
          SET count = CASE WHEN a.progress = excluded.progress THEN a.count + 1 ELSE 1 END,
              progress = excluded.progress, adopted_at = clock_timestamp()`);
      return true;
    },
    null,
  );
}

const stalledRunRow = z.strictObject({
  id: z.string(),
  action: z.enum(BULK_ACTIONS),
  viewer: z.string(),
  createdAt: z.string(),
  since: z.string(),
}) satisfies z.ZodType<StalledRun>;

/**
 * At most `limit` runs without progress in MAX_ADOPTIONS adoptions; empty if servers cannot adopt.
 */
export async function listStalledRuns(tx: Tx, limit: number): Promise<StalledRun[]> {
  if (!(await canAdopt(tx))) return [];
  return tx.query(
    stalledRunRow,
    sql`
      SELECT r.id, r.action, left(r.viewer, 200) AS viewer, r.created_at AS "createdAt",
             a.adopted_at AS since
        FROM ${RUNS} r
        JOIN ${ADOPTIONS} a ON a.run_id = r.id
       WHERE ${isAbandoned} AND ${isStalled}
       ORDER BY a.adopted_at
       LIMIT ${limit}`,
  );
}

/** Long enough for a rolling restart to start the next server, and below the 30 s in the docs. */
const POLL_INTERVAL_MS = 5_000;

const timer = processValue<NodeJS.Timeout>('bulk adoption timer');

/**
 * Starts to poll for abandoned runs and for pauses whose end has come, unless this server is
 * read-only.
 */
export function startAdopter(): void {
  if (env().readOnly || timer.current) return;
  onShutdown('bulk runs', stopRuns);
  let isBusy = false;
  timer.current = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    void poll().finally(() => {
      isBusy = false;
    });
  }, POLL_INTERVAL_MS).unref();
}

async function poll(): Promise<void> {
  await logFailure(adoptAbandonedRuns);
  await logFailure(endPauses);
}

async function adoptAbandonedRuns(): Promise<void> {
  const { schema, bulkRuns } = await loadDetection();
  if (schema.problem || !bulkRuns) return;
  const ctx = await serverContext({ id: 'console', role: 'viewer' }, 'adoption');
  for (const id of await adoptRuns(ctx, serverContext))
    console.log(`Bulk run ${id} was abandoned; this server continues it.`);
}

async function endPauses(): Promise<void> {
  const { schema, pauseEnds } = await loadDetection();
  if (schema.problem || pauseEnds !== 'write' || isStopping()) return;
  const ctx = await serverContext({ id: 'console', role: 'admin' }, 'pause ends');
  await endDuePauses(ctx, { server: serverId(), until: leaseEnd });
}

async function logFailure(task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (error) {
    // Requests report a database that is down.
    if (!(error instanceof ConsoleError)) console.error(error);
  }
}
