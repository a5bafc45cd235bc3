import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { CONSOLE_SCHEMA } from '../audit/recorder';
import { type Viewer, denial } from '../auth/roles';
import { env } from '../config/environment';
import { ROLES } from '../config/roles';
import { MIGRATIONS } from '../console-schema/migrations';
import { auditedTransaction } from '../context/audited-transaction';
import { detected } from '../context/detection';
import { serverContext } from '../context/request-context';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import { processValue } from '../core/process-state';
import { onShutdown } from '../core/shutdown';
import type { Tx } from '../db/database';
import { isStopping, isWorkingOn, serverId, stopRuns, work } from './runner';
import { ADOPTIONS, RUNS, VERSIONS, leaseEnd } from './runs';
import { type BulkAction, type StalledRun, permissionOf } from './types';

/*
 * A run whose server was stopped or died is continued by any other server that may write and sees the same version of
 * the console's schema. The lease makes sure that one of them does.
 */

/** A run is given up after this many adoptions without progress. */
export const MAX_ADOPTIONS = 3;
/** Runs that one look adopts. */
const MAX_RUNS = 10;
const NEWEST_VERSION = Math.max(...MIGRATIONS.map(({ version }) => version));

/** `r` is a run whose state says that it runs, while no server has its lease. */
const isAbandoned: Sql = sql`r.state = 'running' AND coalesce(r.lease_expires_at < clock_timestamp(), true)`;
/** Changes with every transaction that a run commits. */
const progress: Sql = sql`concat_ws(' ', r.counts, r.pass, r.collected, r.collected_to_at, r.collected_to_id)`;
/** `a` is the adoption record of `r`. */
const isStalled: Sql = sql`coalesce(a.count >= ${MAX_ADOPTIONS} AND a.progress = ${progress}, false)`;

interface AbandonedRun {
  id: string;
  action: BulkAction;
  viewer: string;
  role: string;
  requestId: string;
}

/** Whether this role may use the table of adoptions, and its schema has the version of this server. */
async function canAdopt(tx: Tx): Promise<boolean> {
  const [table] = await tx.query<{ usable: boolean }>(sql`
    SELECT coalesce(has_table_privilege(a.oid, 'SELECT') AND has_table_privilege(a.oid, 'INSERT')
                    AND has_table_privilege(a.oid, 'UPDATE') AND has_table_privilege(v.oid, 'SELECT'), false) AS usable
      FROM (SELECT to_regclass(${`${CONSOLE_SCHEMA}.bulk_run_adoptions`}) AS oid) a,
           (SELECT to_regclass(${`${CONSOLE_SCHEMA}.schema_migrations`}) AS oid) v`);
  if (!table?.usable) return false;
  const [row] = await tx.query<{ version: number | null }>(
    sql`SELECT max(version) AS version FROM ${VERSIONS}`,
  );
  return row?.version === NEWEST_VERSION;
}

/**
 * Continues every abandoned run, by `bulk_runs_running`, unless it was adopted MAX_ADOPTIONS times without progress.
 * `contextOf` makes the context in the name of the run's viewer. Returns the ids of the adopted runs.
 */
export async function adoptRuns(
  ctx: Ctx,
  contextOf: (viewer: Viewer, requestId: string) => Ctx | Promise<Ctx>,
): Promise<string[]> {
  if (!ctx.bulkRuns || ctx.readOnly || isStopping()) return [];
  const runs = await ctx.db.read(async (tx) =>
    (await canAdopt(tx))
      ? tx.query<AbandonedRun>(sql`
          SELECT r.id, r.action, r.viewer, r.role, r.request_id AS "requestId"
            FROM ${RUNS} r LEFT JOIN ${ADOPTIONS} a ON a.run_id = r.id
           WHERE ${isAbandoned} AND NOT ${isStalled}
           ORDER BY r.created_at LIMIT ${MAX_RUNS}`)
      : [],
  );
  const adopted: string[] = [];
  for (const { id, action, viewer, role: name, requestId } of runs) {
    const role = ROLES.find((one) => one === name);
    if (role === undefined || isWorkingOn(id)) continue;
    const own = await contextOf({ id: viewer, role }, requestId);
    if (denial(own.viewer, permissionOf(action), own.readOnly)) continue;
    if (!(await takeAbandoned(own, id, action))) continue;
    work(own, id, action);
    adopted.push(id);
  }
  return adopted;
}

/** False: another server was faster, or a person paused or cancelled the run. */
async function takeAbandoned(ctx: Ctx, id: string, action: BulkAction): Promise<boolean> {
  return auditedTransaction(
    ctx,
    permissionOf(action),
    async (tx) => {
      const [run] = await tx.query<{ progress: string }>(sql`
        UPDATE ${RUNS} r SET lease_owner = ${serverId()}, lease_expires_at = ${leaseEnd}
         WHERE r.id = ${id} AND ${isAbandoned}
         RETURNING ${progress} AS progress`);
      if (!run) return false;
      await tx.query(sql`
        INSERT INTO ${ADOPTIONS} AS a (run_id, count, progress) VALUES (${id}, 1, ${run.progress})
        ON CONFLICT (run_id) DO UPDATE
          SET count = CASE WHEN a.progress = excluded.progress THEN a.count + 1 ELSE 1 END,
              progress = excluded.progress, adopted_at = clock_timestamp()`);
      return true;
    },
    null,
  );
}

/** Runs that were adopted MAX_ADOPTIONS times without progress, at most `limit`; none where no server adopts. */
export async function listStalledRuns(tx: Tx, limit: number): Promise<StalledRun[]> {
  if (!(await canAdopt(tx))) return [];
  return tx.query<StalledRun>(sql`
    SELECT r.id, r.action, left(r.viewer, 200) AS viewer, r.created_at AS "createdAt", a.adopted_at AS since
      FROM ${RUNS} r JOIN ${ADOPTIONS} a ON a.run_id = r.id
     WHERE ${isAbandoned} AND ${isStalled}
     ORDER BY a.adopted_at LIMIT ${limit}`);
}

/** Longer than a rolling restart takes to start the next server, and well below the 30 s that the docs promise. */
const EVERY_MS = 5_000;

const timer = processValue<NodeJS.Timeout>('bulk adoption timer');

/** Looks for abandoned runs from now on, unless this server may not write. */
export function startAdopter(): void {
  if (env().readOnly || timer.current) return;
  onShutdown('bulk runs', stopRuns);
  let isBusy = false;
  timer.current = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    void adopt().finally(() => (isBusy = false));
  }, EVERY_MS).unref();
}

async function adopt(): Promise<void> {
  try {
    const { schema, bulkRuns } = await detected();
    if (schema.problem || !bulkRuns) return;
    const ctx = await serverContext({ id: 'console', role: 'viewer' }, 'adoption');
    for (const id of await adoptRuns(ctx, serverContext))
      console.log(`Bulk run ${id} was abandoned; this server continues it.`);
  } catch (error) {
    // A database that is away is reported by the requests that need it.
    if (!(error instanceof ConsoleError)) console.error(error);
  }
}
