import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { timestampMs } from '../core/text';
import type { Tx } from '../db/database';
import { isLargeJson, listedName } from '../db/text-limit';
import { isProcessAlive } from '../good-job/locks';
import { type JobState, stateOf } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import type { CronWatch, LastRun } from './overdue';
import { type CronRun, RUNS_SHOWN } from './types';

/** Distinct keys that are read from the jobs at most. */
const KEYS_READ = 1_000;

export interface StoredCron {
  /** Keys that jobs have, in order. */
  keys: string[];
  /** There are more keys than these: some are too long, too many, or in a setting that is too large to be read. */
  more: boolean;
  enabled: Set<string>;
  disabled: Set<string>;
  watch: CronWatch;
}

/** The keys of all jobs, the settings, and who runs cron. `fileKeys`: those of CRON_FILE. */
export async function readStored(
  tx: Tx,
  tables: GoodJobTables,
  fileKeys: Iterable<string>,
): Promise<StoredCron> {
  const { keys, more } = await readKeys(tx, tables);
  const { settings, watch } = await readSettingsAndProcesses(tx, tables, [...fileKeys, ...keys]);
  return {
    keys,
    more: more || settings.isLarge,
    enabled: settings.enabled,
    disabled: settings.disabled,
    watch: { ...watch, settingsChangedAt: settings.changedAt },
  };
}

/** One step a key in index_good_jobs_on_cron_key_and_cron_at_cond, however many jobs it has; the read must be `byIndexOnly`. */
async function readKeys(tx: Tx, tables: GoodJobTables): Promise<{ keys: string[]; more: boolean }> {
  const rows = await tx.query<{ key: string | null }>(sql`
    WITH RECURSIVE found AS (
      (SELECT j.cron_key AS key FROM ${tables.jobs} j WHERE j.cron_key > '' ORDER BY j.cron_key LIMIT 1)
      UNION ALL
      SELECT (SELECT j.cron_key FROM ${tables.jobs} j WHERE j.cron_key > found.key ORDER BY j.cron_key LIMIT 1) FROM found WHERE found.key IS NOT NULL)
    SELECT ${listedName(sql`key`)} AS key FROM found WHERE key IS NOT NULL LIMIT ${KEYS_READ}`);
  const keys = rows.flatMap(({ key }) => key ?? []);
  return { keys, more: rows.length >= KEYS_READ || keys.length < rows.length };
}

interface CronSettings {
  enabled: Set<string>;
  disabled: Set<string>;
  changedAt: number | null;
  /** A list is too large to be read: only `knownKeys` were looked up in it. */
  isLarge: boolean;
}

interface StoredSetting {
  key: string;
  keys: string[];
  isLarge: boolean;
  /** ms since the epoch, as text. */
  updatedAt: string;
}

/** GoodJob::Setting.cron_keys_enabled reads two lists of keys; anything else is none. */
function settingsSql(tables: GoodJobTables, knownKeys: string[]): Sql {
  return sql`
    SELECT s.key, (extract(epoch FROM s.updated_at) * 1000)::text AS "updatedAt", s.is_large AS "isLarge",
           ARRAY(SELECT DISTINCT e #>> '{}'
                   FROM jsonb_array_elements(CASE jsonb_typeof(s.value) WHEN 'array' THEN s.value ELSE '[]' END) e
                  WHERE jsonb_typeof(e) = 'string'
                    AND (NOT s.is_large OR e #>> '{}' = ANY(${knownKeys}::text[]))) AS keys
      FROM (SELECT s.*, ${isLargeJson(sql`s.value`)} AS is_large
              FROM ${tables.settings} s WHERE s.key IN ('cron_keys_enabled', 'cron_keys_disabled') OFFSET 0) s`;
}

function settingsOf(rows: StoredSetting[]): CronSettings {
  const keysOf = (name: string) => new Set(rows.find(({ key }) => key === name)?.keys ?? []);
  return {
    enabled: keysOf('cron_keys_enabled'),
    disabled: keysOf('cron_keys_disabled'),
    isLarge: rows.some(({ isLarge }) => isLarge),
    changedAt:
      rows.length === 0 ? null : Math.max(...rows.map(({ updatedAt }) => Number(updatedAt))),
  };
}

/** Finished jobs looked at for the oldest that succeeded. */
const OLDEST_READ = 5_000;

/** The oldest finished jobs by index_good_jobs_jobs_on_finished_at_only. */
async function readSettingsAndProcesses(
  tx: Tx,
  tables: GoodJobTables,
  knownKeys: string[],
): Promise<{ settings: CronSettings; watch: Omit<CronWatch, 'settingsChangedAt'> }> {
  const [row] = await tx.query<{
    settings: string;
    now: string;
    processes: number;
    unknown: number;
    since: string | null;
    oldest: string | null;
  }>(sql`
    SELECT (SELECT coalesce(json_agg(s), '[]') FROM (${settingsSql(tables, knownKeys)}) s)::text AS settings,
           clock_timestamp() AS now, (count(*) FILTER (WHERE p.alive))::int AS processes,
           (count(*) FILTER (WHERE p.alive IS NULL))::int AS unknown,
           min(p.created_at) FILTER (WHERE p.alive) AS since,
           (SELECT f.finished_at FROM (SELECT j.finished_at, j.error FROM ${tables.jobs} j WHERE j.finished_at IS NOT NULL ORDER BY j.finished_at LIMIT ${OLDEST_READ}) f WHERE f.error IS NULL LIMIT 1) AS oldest
      FROM (SELECT p.created_at, ${isProcessAlive(tables)} AS alive FROM ${tables.processes} p
             WHERE p.state -> 'cron_enabled' = 'true') p`);
  if (!row) throw new Error('The database gave no row for an aggregate.');
  const ms = (time: string | null) => (time ? timestampMs(time) : null);
  return {
    settings: settingsOf(JSON.parse(row.settings) as StoredSetting[]),
    watch: {
      now: Date.parse(row.now),
      processes: row.processes,
      mayHaveOthers: row.unknown > 0,
      since: ms(row.since),
      oldestSuccessAt: ms(row.oldest),
    },
  };
}

export interface StoredRuns {
  runs: CronRun[];
  jobClass: string | null;
  /** The newest of the runs. */
  last: LastRun;
}

const CLASS_READ = 300;

/** GoodJob gives every job of a schedule its `cron_at`: of those without one there are few, if any. */
const WITHOUT_TIME = 1_000;

/**
 * The last runs of each key, newest first: index_good_jobs_on_cron_key_and_cron_at_cond. Sorted by `created_at` at
 * once, those without `cron_at` would be looked for among all jobs of the key.
 */
export async function readRuns(
  tx: Tx,
  tables: GoodJobTables,
  keys: string[],
): Promise<Map<string, StoredRuns>> {
  if (keys.length === 0) return new Map();
  const columns = sql`j.id, ${stateOf} AS state, j.job_class, j.finished_at, j.concurrency_key, j.labels`;
  const rows = await tx.query<{
    key: string;
    id: string;
    at: string;
    state: JobState;
    jobClass: string | null;
    finishedAt: string | null;
    limited: boolean;
    crowded: boolean;
  }>(sql`
    SELECT k.key, r.id, r.at, r.state, left(r.job_class, ${CLASS_READ}) AS "jobClass", r.finished_at AS "finishedAt", (r.concurrency_key IS NOT NULL OR cardinality(r.labels) > 0) IS TRUE AS limited,
           CASE WHEN r.n = 1 AND r.concurrency_key IS NOT NULL THEN EXISTS (SELECT 1 FROM ${tables.jobs} c WHERE c.concurrency_key = r.concurrency_key AND c.finished_at IS NULL) ELSE false END AS crowded
      FROM unnest(${keys}::text[]) WITH ORDINALITY k(key, n) CROSS JOIN LATERAL (
      SELECT *, row_number() OVER (ORDER BY at DESC, id DESC) AS n FROM (
        (SELECT j.cron_at AS at, ${columns} FROM ${tables.jobs} j WHERE j.cron_key = k.key AND j.cron_at IS NOT NULL ORDER BY j.cron_at DESC LIMIT ${RUNS_SHOWN})
        UNION ALL
        (SELECT j.created_at AS at, ${columns} FROM (
           SELECT * FROM ${tables.jobs} WHERE cron_key = k.key AND cron_at IS NULL LIMIT ${WITHOUT_TIME}) j ORDER BY j.created_at DESC LIMIT ${RUNS_SHOWN})) both_kinds
       ORDER BY at DESC, id DESC LIMIT ${RUNS_SHOWN}) r
     ORDER BY k.n, r.at DESC, r.id DESC`);
  const found = new Map<string, StoredRuns>();
  for (const { key, id, at, state, jobClass, finishedAt, limited, crowded } of rows) {
    const known = found.get(key) ?? {
      runs: [],
      jobClass,
      last: {
        at: timestampMs(at),
        finishedAt: finishedAt === null ? null : timestampMs(finishedAt),
        limited,
        crowded,
      },
    };
    known.runs.push({ id, at, state });
    found.set(key, known);
  }
  return found;
}
