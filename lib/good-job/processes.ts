import sql, { type Sql, empty, raw } from 'sql-template-tag';
import type { Tx } from '../db/database';
import { limitedJson } from '../db/text-limit';
import { isProcessAlive, mayProcessBeAlive } from './locks';
import { readProcessState } from './process-state';
import { Pool } from './process-state';
import type { GoodJobTables } from './tables';

/** `stale`: alive by GoodJob's rule, and late with its sign of life. `unknown`: its life is an advisory lock, and this is a standby. */
export const PROCESS_STATES = ['live', 'stale', 'dead', 'unknown'] as const;
export type ProcessState = (typeof PROCESS_STATES)[number];

/**
 * A worker that is well renews its row once it is 30 s old (GoodJob::Process::STALE_INTERVAL), which it looks at every
 * 30 s and up to a tenth more: only later than that is it late.
 */
export const PROCESS_STALE = raw(`interval '34 seconds'`);

/** The state of a `good_job_processes` row with the alias `p`, as text: alive by isProcessAlive(), the one rule. */
export function processStateOf(tables: GoodJobTables): Sql {
  return sql`CASE WHEN ${isProcessAlive(tables)} THEN CASE WHEN p.updated_at > clock_timestamp() - ${PROCESS_STALE} THEN 'live' ELSE 'stale' END
    ${tables.schema.isStandby ? sql`WHEN (${isProcessAlive(tables)}) IS NULL THEN 'unknown'` : empty} ELSE 'dead' END`;
}

/** Bytes of a state that are read; a larger one is no worker's. */
export const STATE_READ = 65_536;
/** `state` of the row `p` as text; null when there is none, or it is too large to be a worker's. */
export const stateText = limitedJson(sql`p.state`, STATE_READ);

/** Live processes that are looked at: nobody runs more workers on one database. */
const PROCESSES = 1_000;
/** Bytes of their states together; the rest of them count as silent. */
const ALL_STATES_READ = 4 * 1024 * 1024;

export interface LivePools {
  /** Pools of all live (and stale) processes. */
  pools: Pool[];
  /** The same, those of each process together. */
  byProcess: { id: string; pools: Pool[]; isKnown: boolean }[];
  /** Live processes, and those of them that do not tell which queues they serve. */
  processes: number;
  silent: number;
  /** Processes of which a standby does not know whether they are alive; they count among the others. */
  unknown: number;
}

/**
 * What is served now: the pools of every process that is alive, or may be as far as a standby knows. A worker registers beside the start of its schedulers
 * (GoodJob::Notifier::ProcessHeartbeat): until it renews its row, an empty list of them tells nothing.
 */
export async function livePools(tx: Tx, tables: GoodJobTables): Promise<LivePools> {
  const rows = await tx.query<{
    id: string;
    state: string | null;
    starting: boolean;
    isKnown: boolean;
  }>(sql`
    SELECT l.id, l."isKnown", CASE WHEN sum(octet_length(l.state)) OVER (ORDER BY l.updated_at DESC, l.id) <= ${ALL_STATES_READ}::int THEN l.state END AS state, l.starting
      FROM (SELECT p.id, p.updated_at, ${stateText} AS state, p.created_at > clock_timestamp() - ${PROCESS_STALE} AS starting,
                   (${isProcessAlive(tables)}) IS NOT NULL AS "isKnown"
              FROM ${tables.processes} p WHERE ${mayProcessBeAlive(tables)} ORDER BY p.updated_at DESC LIMIT ${PROCESSES}) l`);
  const reported = rows.map(({ id, state, starting, isKnown }) => ({
    id,
    starting,
    isKnown,
    ...readProcessState(state),
  }));
  const isSilent = ({
    starting,
    tellsSchedulers,
    schedulers,
    schedulersTotal,
  }: (typeof reported)[number]) =>
    !tellsSchedulers ||
    (starting && schedulersTotal === 0) ||
    schedulersTotal > schedulers.length ||
    schedulers.some(({ pools }) => pools.length === 0);
  const byProcess = reported.map(({ id, isKnown, schedulers }) => ({
    id,
    isKnown,
    pools: schedulers.flatMap(({ pools }) => pools),
  }));
  return {
    pools: byProcess.flatMap(({ pools }) => pools),
    byProcess,
    processes: rows.length,
    silent: reported.filter(isSilent).length,
    unknown: rows.filter(({ isKnown }) => !isKnown).length,
  };
}
