import 'server-only';
import { statSync } from 'node:fs';
import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import { env } from '../config/environment';
import { processValue } from '../core/process-state';
import { timestampMs } from '../core/text';
import type { Tx } from '../db/database';
import { isLargeJson, listedName } from '../db/text-limit';
import { isProcessAlive } from '../good-job/locks';
import { type GoodJobTables, stateOf } from '../good-job/tables';
import { JOB_STATES } from '../good-job/types';
import { type CronFile, CronFileError, readCronFile } from './cron-file';
import { type ParsedSchedule, previousDue } from './fugit/occurrences';
import { type CronRun, RUNS_SHOWN } from './types';

/** GoodJob enqueues a run at its exact time; a busy process may be late. */
const TOLERANCE_MS = 120_000;

/**
 * The cron processes and the job history. Times are ms since the epoch, by the database's clock.
 */
export interface CronStatus {
  nowMs: number;
  /** Live processes that run cron. */
  liveProcesses: number;
  /** On a standby: there are cron processes whose liveness is unknown. */
  mayHaveMoreProcesses: boolean;
  /** When the oldest live cron process started; null: there is none. */
  firstStartedAtMs: number | null;
  /** The last change of the cron settings; null: they were never changed. */
  settingsChangedAtMs: number | null;
  /**
   * The oldest stored success; earlier jobs may have been cleaned up. Only successes count, because
   * GoodJob may keep failures forever (`cleanup_discarded_jobs`). Null: there is none.
   */
  oldestSuccessAtMs: number | null;
}

/** Assumed retention of jobs while no success is stored. */
const DEFAULT_RETENTION_MS = 86_400_000;

/** The newest run of a key. Times are ms since the epoch. */
export interface LastRun {
  atMs: number;
  finishedAtMs: number | null;
  /**
   * The job has labels or a concurrency key, so a limit may refuse another job until it finishes.
   */
  mayHaveLimit: boolean;
  /** Another job with its concurrency key is unfinished. */
  hasUnfinishedSibling: boolean;
}

/**
 * Returns when the missing run of an enabled key was due, in ms since the epoch; null: none is
 * missing, or it is unknown. A run is missing only if a cron process was alive, the settings have
 * not changed since, the job would still be stored and no concurrency limit can have refused it.
 */
export function overdueSince(
  { schedule }: ParsedSchedule,
  last: LastRun | null,
  status: CronStatus,
): number | null {
  if (status.liveProcesses === 0 || status.firstStartedAtMs === null) return null;
  const dueMs = previousDue(schedule, status.nowMs - TOLERANCE_MS);
  if (dueMs === null) return null;
  if (last !== null && (last.atMs >= dueMs || mayBeRefused(last, dueMs))) return null;
  if (
    dueMs <= status.firstStartedAtMs ||
    dueMs <= (status.settingsChangedAtMs ?? 0) ||
    dueMs <= (status.oldestSuccessAtMs ?? status.nowMs - DEFAULT_RETENTION_MS)
  )
    return null;
  return dueMs;
}

function mayBeRefused(last: LastRun, dueMs: number): boolean {
  const wasUnfinished = last.finishedAtMs === null || last.finishedAtMs >= dueMs;
  return last.hasUnfinishedSibling || (last.mayHaveLimit && wasUnfinished);
}

export interface CronConfiguration extends CronFile {
  /** CRON_FILE is set. */
  hasFile: boolean;
  /** The file became unreadable, so these are its previous entries. */
  isStale: boolean;
}

const NO_FILE: CronConfiguration = { entries: new Map(), hasFile: false, isStale: false };
/** How often the file is checked for changes. */
const CHECK_INTERVAL_MS = 5_000;

interface CachedCronFile {
  path: string;
  fingerprint: string;
  checkedAtMs: number;
  value: CronConfiguration;
}
const cache = processValue<CachedCronFile>('cron file');

/**
 * Returns the entries of CRON_FILE, at most CHECK_INTERVAL_MS old. If the file becomes invalid
 * after a successful read, the previous entries remain with `isStale`; never throws CronFileError.
 */
export function readCronConfiguration(): CronConfiguration {
  const path = env().cronFile;
  if (path === null) return NO_FILE;
  const cached = cache.current?.path === path ? cache.current : undefined;
  if (cached && Date.now() - cached.checkedAtMs < CHECK_INTERVAL_MS) return cached.value;
  const fingerprint = fingerprintOf(path);
  const value =
    cached && cached.fingerprint === fingerprint ? cached.value : load(path, cached?.value);
  cache.current = { path, fingerprint, checkedAtMs: Date.now(), value };
  return value;
}

function load(path: string, previous: CronConfiguration | undefined): CronConfiguration {
  try {
    return { ...readCronFile(path), hasFile: true, isStale: false };
  } catch (error) {
    if (!(error instanceof CronFileError)) throw error;
    console.error(error.message);
    return { entries: previous?.entries ?? new Map(), hasFile: true, isStale: true };
  }
}

function fingerprintOf(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return 'missing';
  }
}

const MAX_KEYS = 1_000;

export interface StoredCron {
  /** The cron keys of jobs, sorted. */
  keys: string[];
  /** Keys are missing: too many, too long, or in a setting that exceeds the size limit. */
  more: boolean;
  /** The keys in the setting `cron_keys_enabled`. */
  enabled: Set<string>;
  /** The keys in the setting `cron_keys_disabled`. */
  disabled: Set<string>;
  status: CronStatus;
}

/** Returns the cron keys of all jobs, the cron settings and the cron processes. */
export async function readStored(
  tx: Tx,
  tables: GoodJobTables,
  fileKeys: Iterable<string>,
): Promise<StoredCron> {
  const { keys, more } = await readKeys(tx, tables);
  const { settings, status } = await readSettingsAndProcesses(tx, tables, [...fileKeys, ...keys]);
  return {
    keys,
    more: more || settings.isLarge,
    enabled: settings.enabled,
    disabled: settings.disabled,
    status: { ...status, settingsChangedAtMs: settings.changedAtMs },
  };
}

/** Returns the settings of these keys and the cron processes, without the cron keys of jobs. */
export async function readStoredSettings(
  tx: Tx,
  tables: GoodJobTables,
  fileKeys: Iterable<string>,
): Promise<StoredCron> {
  const { settings, status } = await readSettingsAndProcesses(tx, tables, [...fileKeys]);
  return {
    keys: [],
    more: settings.isLarge,
    enabled: settings.enabled,
    disabled: settings.disabled,
    status: { ...status, settingsChangedAtMs: settings.changedAtMs },
  };
}

const keyRow = z.strictObject({
  /** Null: the key is longer than MAX_NAME_BYTES. */
  key: z.string().nullable(),
});

/**
 * A loose index scan of index_good_jobs_on_cron_key_and_cron_at_cond: one probe per key, for any
 * number of jobs. The transaction must be `byIndexOnly`, else the planner may scan the table.
 */
async function readKeys(tx: Tx, tables: GoodJobTables): Promise<{ keys: string[]; more: boolean }> {
  const rows = await tx.query(
    keyRow,
    sql`
      WITH RECURSIVE distinct_keys AS (
        (SELECT j.cron_key AS key
           FROM ${tables.jobs} j
          WHERE j.cron_key > ''
          ORDER BY j.cron_key
          LIMIT 1)
        UNION ALL
        SELECT (SELECT j.cron_key
                  FROM ${tables.jobs} j
                 WHERE j.cron_key > distinct_keys.key
                 ORDER BY j.cron_key
                 LIMIT 1)
          FROM distinct_keys
         WHERE distinct_keys.key IS NOT NULL
      )
      SELECT ${listedName(sql`key`)} AS key
        FROM distinct_keys
       WHERE key IS NOT NULL
       LIMIT ${MAX_KEYS}`,
  );
  const keys = rows.flatMap(({ key }) => key ?? []);
  return { keys, more: rows.length >= MAX_KEYS || keys.length < rows.length };
}

interface CronSettings {
  enabled: Set<string>;
  disabled: Set<string>;
  changedAtMs: number | null;
  /** A list exceeds the size limit, so only the known keys were looked up in it. */
  isLarge: boolean;
}

const storedSetting = z.strictObject({
  key: z.string(),
  keys: z.array(z.string()),
  isLarge: z.boolean(),
  /** ms since the epoch, as text. */
  updatedAt: z.string(),
});
type StoredSetting = z.infer<typeof storedSetting>;

/**
 * The lists of `GoodJob::Setting.cron_key_enabled?`; a value that is not an array counts as empty.
 * OFFSET 0 keeps the planner from copying the size check into each of its uses.
 */
function settingsSql(tables: GoodJobTables, knownKeys: string[]): Sql {
  return sql`
    SELECT s.key,
           (extract(epoch FROM s.updated_at) * 1000)::text AS "updatedAt",
           s.is_large AS "isLarge",
           ARRAY(
             SELECT DISTINCT e #>> '{}'
               FROM jsonb_array_elements(
                      CASE jsonb_typeof(s.value) WHEN 'array' THEN s.value ELSE '[]' END
                    ) e
              WHERE jsonb_typeof(e) = 'string'
                AND (NOT s.is_large OR e #>> '{}' = ANY(${knownKeys}::text[]))
           ) AS keys
      FROM (SELECT s.*, ${isLargeJson(sql`s.value`)} AS is_large
              FROM ${tables.settings} s
             WHERE s.key IN ('cron_keys_enabled', 'cron_keys_disabled')
            OFFSET 0) s`;
}

function settingsOf(rows: StoredSetting[]): CronSettings {
  const keysOf = (name: string) => new Set(rows.find(({ key }) => key === name)?.keys ?? []);
  return {
    enabled: keysOf('cron_keys_enabled'),
    disabled: keysOf('cron_keys_disabled'),
    isLarge: rows.some(({ isLarge }) => isLarge),
    changedAtMs:
      rows.length === 0 ? null : Math.max(...rows.map(({ updatedAt }) => Number(updatedAt))),
  };
}

/** Oldest finished jobs that are scanned for a success. */
const SUCCESS_SCAN_LIMIT = 5_000;

const settingsAndProcessesRow = z.strictObject({
  /** A JSON array of `storedSetting`. */
  settings: z.string(),
  now: z.string(),
  liveProcesses: z.number(),
  unknownProcesses: z.number(),
  firstStartedAt: z.string().nullable(),
  oldestSuccessAt: z.string().nullable(),
});

/** Scans the finished jobs by index_good_jobs_jobs_on_finished_at_only. */
async function readSettingsAndProcesses(
  tx: Tx,
  tables: GoodJobTables,
  knownKeys: string[],
): Promise<{ settings: CronSettings; status: Omit<CronStatus, 'settingsChangedAtMs'> }> {
  const [row] = await tx.query(
    settingsAndProcessesRow,
    sql`
      SELECT (SELECT coalesce(json_agg(s), '[]')
                FROM (${settingsSql(tables, knownKeys)}) s)::text AS settings,
             clock_timestamp() AS now,
             (count(*) FILTER (WHERE p.alive))::int AS "liveProcesses",
             (count(*) FILTER (WHERE p.alive IS NULL))::int AS "unknownProcesses",
             min(p.created_at) FILTER (WHERE p.alive) AS "firstStartedAt",
             (SELECT f.finished_at
                FROM (SELECT j.finished_at, j.error
                        FROM ${tables.jobs} j
                       WHERE j.finished_at IS NOT NULL
                       ORDER BY j.finished_at
                       LIMIT ${SUCCESS_SCAN_LIMIT}) f
               WHERE f.error IS NULL
               LIMIT 1) AS "oldestSuccessAt"
        FROM (SELECT p.created_at, ${isProcessAlive(tables)} AS alive
                FROM ${tables.processes} p
               WHERE p.state -> 'cron_enabled' = 'true') p`,
  );
  if (!row) throw new Error('The database returned no row for an aggregate.');
  const toMs = (time: string | null) => (time ? timestampMs(time) : null);
  return {
    settings: settingsOf(z.array(storedSetting).parse(JSON.parse(row.settings))),
    status: {
      nowMs: Date.parse(row.now),
      liveProcesses: row.liveProcesses,
      mayHaveMoreProcesses: row.unknownProcesses > 0,
      firstStartedAtMs: toMs(row.firstStartedAt),
      oldestSuccessAtMs: toMs(row.oldestSuccessAt),
    },
  };
}

export interface StoredRuns {
  runs: CronRun[];
  jobClass: string | null;
  /** The newest of the runs. */
  last: LastRun;
}

const CLASS_LENGTH = 300;

/**
 * Scan limit for jobs of a key without `cron_at`; GoodJob sets it on every cron job, so few exist.
 */
const NO_CRON_AT_SCAN_LIMIT = 1_000;

const runRow = z.strictObject({
  key: z.string(),
  id: z.string(),
  at: z.string(),
  state: z.enum(JOB_STATES),
  jobClass: z.string().nullable(),
  finishedAt: z.string().nullable(),
  mayHaveLimit: z.boolean(),
  hasUnfinishedSibling: z.boolean(),
});

/**
 * Returns the last RUNS_SHOWN runs of each key, newest first, by
 * index_good_jobs_on_cron_key_and_cron_at_cond.
 */
export async function readRuns(
  tx: Tx,
  tables: GoodJobTables,
  keys: string[],
): Promise<Map<string, StoredRuns>> {
  if (keys.length === 0) return new Map();
  const rows = await tx.query(runRow, runsSql(tables, keys));
  const runsByKey = new Map<string, StoredRuns>();
  for (const row of rows) {
    const { key, id, at, state, jobClass, finishedAt, mayHaveLimit, hasUnfinishedSibling } = row;
    const entry = runsByKey.get(key) ?? {
      runs: [],
      jobClass,
      last: {
        atMs: timestampMs(at),
        finishedAtMs: finishedAt === null ? null : timestampMs(finishedAt),
        mayHaveLimit,
        hasUnfinishedSibling,
      },
    };
    entry.runs.push({ id, at, state });
    runsByKey.set(key, entry);
  }
  return runsByKey;
}

/**
 * Limits the jobs without `cron_at` before the sort, which would otherwise search all jobs of a
 * key.
 */
function runsSql(tables: GoodJobTables, keys: string[]): Sql {
  const columns = sql`
    j.id, ${stateOf} AS state, j.job_class, j.finished_at, j.concurrency_key, j.labels`;
  return sql`
    SELECT k.key, r.id, r.at, r.state,
           left(r.job_class, ${CLASS_LENGTH}) AS "jobClass",
           r.finished_at AS "finishedAt",
           (r.concurrency_key IS NOT NULL OR cardinality(r.labels) > 0) IS TRUE AS "mayHaveLimit",
           CASE WHEN r.n = 1 AND r.concurrency_key IS NOT NULL
                THEN EXISTS (
                  SELECT 1
                    FROM ${tables.jobs} c
                   WHERE c.concurrency_key = r.concurrency_key
                     AND c.finished_at IS NULL
                )
                ELSE false
           END AS "hasUnfinishedSibling"
      FROM unnest(${keys}::text[]) WITH ORDINALITY k(key, n)
     CROSS JOIN LATERAL (
       SELECT *, row_number() OVER (ORDER BY at DESC, id DESC) AS n
         FROM (
           (SELECT j.cron_at AS at, ${columns}
              FROM ${tables.jobs} j
             WHERE j.cron_key = k.key
               AND j.cron_at IS NOT NULL
             ORDER BY j.cron_at DESC
             LIMIT ${RUNS_SHOWN})
           UNION ALL
           (SELECT j.created_at AS at, ${columns}
              FROM (SELECT *
                      FROM ${tables.jobs}
                     WHERE cron_key = k.key
                       AND cron_at IS NULL
                     LIMIT ${NO_CRON_AT_SCAN_LIMIT}) j
             ORDER BY j.created_at DESC
             LIMIT ${RUNS_SHOWN})
         ) both_kinds
        ORDER BY at DESC, id DESC
        LIMIT ${RUNS_SHOWN}
     ) r
     ORDER BY k.n, r.at DESC, r.id DESC`;
}
