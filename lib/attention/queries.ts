import 'server-only';
import sql from 'sql-template-tag';
import { z } from 'zod';
import { env } from '../config/environment';
import { redactNames } from '../context/redact-names';
import type { Ctx } from '../context/request-context';
import { ConsoleError } from '../core/errors';
import { costTtl, ProcessCache } from '../core/process-state';
import { TABLES, quoteIdentifier } from '../good-job/tables';
import { redactError } from '../redaction/redaction';
import { findDiscardedCallbacks, findHangingBatches } from './batch-checks';
import {
  type Catalogue,
  type CheckContext,
  type FinderResult,
  GRACE_PERIODS,
  type GracePeriods,
  countUpTo,
  earliest,
} from './check-context';
import { findFailingClasses, readJobErrors } from './failure-checks';
import {
  findInterruptedJobs,
  findLateJobs,
  findLostJobs,
  findOverdueCron,
  findStalledRuns,
  readLostJobs,
} from './job-checks';
import {
  findLatePauseEnds,
  findPausedJobs,
  findUnservedQueues,
  readReadyQueues,
  readUnservedQueues,
} from './queue-checks';
import {
  type Attention,
  type Check,
  FINDING_KINDS,
  type Finding,
  type FindingKind,
  SEVERITIES,
  type SchemaGap,
  type Severity,
  type StaleTable,
} from './types';

/** Finds missing GoodJob migrations, and a missing or outdated schema of the console. */
async function findSchemaGaps({ ctx }: CheckContext): Promise<FinderResult> {
  const items: SchemaGap[] = ctx.tables.schema.missingMigrations.map((migration) => ({
    gap: 'migration',
    migration,
  }));
  const severity = items.length > 0 ? 'warning' : 'notice';
  // A read-only console does not need its own schema.
  if (!ctx.readOnly && !ctx.consoleSchema) items.push({ gap: 'console_schema' });
  else if (!ctx.readOnly && !ctx.bulkRuns) items.push({ gap: 'console_version' });
  if (items.length === 0) return { finding: null };
  return {
    finding: {
      kind: 'schema_gaps',
      severity,
      since: null,
      count: countUpTo(items.length, Infinity),
      items,
      href: null,
      repair: null,
    },
  };
}

/** Autovacuum analyzes at 10 % changed rows by default, so at 50 % it does not keep up. */
const MIN_CHANGED_SHARE = 0.5;
const MIN_CHANGED_ROWS = 10_000;
/** A smaller table that was never analyzed may simply be new. */
const MIN_UNANALYZED_BYTES = 10 * 1024 * 1024;

/**
 * The database's time and one stale table; all columns but the time are null if no table is stale.
 */
const staleTableRow = z.strictObject({
  now: z.string(),
  table: z.string().nullable(),
  since: z.string().nullable(),
  changed: z.number().nullable(),
  /** Negative: the table was never analyzed. */
  rows: z.number().nullable(),
});

/** Reads the database's clock and the tables whose planner statistics are stale. */
async function readCatalogue({ ctx: { tables }, read }: CheckContext): Promise<Catalogue> {
  const rows = await read((tx) =>
    tx.query(
      staleTableRow,
      sql`
        SELECT clock_timestamp() AS now, t.*
          FROM (SELECT 1) one
          LEFT JOIN (
            SELECT c.relname::text AS table,
                   greatest(s.last_analyze, s.last_autoanalyze) AS since,
                   s.n_mod_since_analyze::float8 AS changed,
                   c.reltuples::float8 AS rows
              FROM pg_catalog.pg_class c
              JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              JOIN pg_catalog.pg_stat_all_tables s ON s.relid = c.oid
             WHERE n.nspname = ${tables.schema.name}
               AND c.relname = ANY(${[...TABLES]})
               AND c.relkind = 'r'
               AND ((c.reltuples < 0 AND pg_relation_size(c.oid) > ${MIN_UNANALYZED_BYTES}::int)
                    OR (c.reltuples >= 0
                        AND s.n_mod_since_analyze
                              > ${MIN_CHANGED_ROWS}::int
                                + ${MIN_CHANGED_SHARE}::float8 * c.reltuples))
          ) t ON true
         ORDER BY t.table`,
    ),
  );
  if (!rows[0]) throw new Error('The database returned no row with its time.');
  const schemaName = quoteIdentifier(tables.schema.name);
  const staleTables = rows.flatMap(({ table, since, changed, rows: rowCount }): StaleTable[] => {
    if (table === null) return [];
    const isAnalyzed = rowCount !== null && rowCount >= 0;
    return [
      {
        table,
        since,
        changed: isAnalyzed ? changed : null,
        rows: isAnalyzed ? rowCount : null,
        statement: `ANALYZE ${schemaName}.${quoteIdentifier(table)};`,
      },
    ];
  });
  return { now: rows[0].now, staleTables };
}

/**
 * Finds tables with stale planner statistics; the console shows the statement but does not run it.
 */
async function findStaleStatistics(checkContext: CheckContext): Promise<FinderResult> {
  const { staleTables } = await checkContext.catalogue();
  if (staleTables.length === 0) return { finding: null };
  return {
    finding: {
      kind: 'stale_statistics',
      severity: 'notice',
      since: earliest(staleTables.map(({ since }) => since)),
      count: countUpTo(staleTables.length, Infinity),
      items: staleTables,
      href: null,
      repair: null,
    },
  };
}

/** Timeout of each query. */
const TIMEOUT_MS = 1_000;
/** Checks that run at once; low, because pages need connections too. */
const CONCURRENCY = 2;

const FINDERS: Record<FindingKind, (checkContext: CheckContext) => Promise<FinderResult>> = {
  hanging_batches: findHangingBatches,
  lost_jobs: findLostJobs,
  unserved_queues: findUnservedQueues,
  late_jobs: findLateJobs,
  overdue_cron: findOverdueCron,
  failing_classes: findFailingClasses,
  discarded_callbacks: findDiscardedCallbacks,
  schema_gaps: findSchemaGaps,
  stalled_runs: findStalledRuns,
  late_pause_ends: findLatePauseEnds,
  interrupted_jobs: findInterruptedJobs,
  paused_jobs: findPausedJobs,
  stale_statistics: findStaleStatistics,
};

/** Creates the shared state of one search; each of its results is read at most once. */
export function createCheckContext(
  ctx: Ctx,
  gracePeriods: GracePeriods = GRACE_PERIODS,
): CheckContext {
  const checkContext: CheckContext = {
    ctx,
    gracePeriods,
    read: (fn, options = { byIndexOnly: true }) =>
      ctx.db.read(fn, { timeoutMs: TIMEOUT_MS, ...options }),
    catalogue: once(() => readCatalogue(checkContext)),
    lostJobs: once(() => readLostJobs(checkContext)),
    readyQueues: once(() => readReadyQueues(checkContext)),
    unserved: once(() => readUnservedQueues(checkContext)),
  };
  return checkContext;
}

function once<T>(read: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= read();
    return result;
  };
}

/**
 * Runs every check now, without a cache. A check that times out has the result `unknown`; throws
 * when the database is unavailable.
 */
export async function findAttention(
  ctx: Ctx,
  gracePeriods: GracePeriods = GRACE_PERIODS,
): Promise<Attention> {
  const checkContext = createCheckContext(ctx, gracePeriods);
  const results: CheckWithErrors[] = [];
  const pendingKinds: FindingKind[] = [...FINDING_KINDS];
  const worker = async () => {
    for (let kind = pendingKinds.shift(); kind; kind = pendingKinds.shift())
      results.push(await runCheck(checkContext, kind));
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  const checks = await addErrorsAndRedact(checkContext, results);
  return {
    checkedAt: (await checkContext.catalogue()).now,
    readyMinutes: gracePeriods.readyMinutes,
    checks: checks.sort((a, b) => rank(a) - rank(b)),
  };
}

interface CheckWithErrors {
  check: Check;
  errorJobIds: string[];
}

async function runCheck(checkContext: CheckContext, kind: FindingKind): Promise<CheckWithErrors> {
  try {
    const {
      finding,
      incomplete,
      unknownOnStandby,
      errorJobIds = [],
    } = await FINDERS[kind](checkContext);
    if (finding) return { check: { kind, result: 'found', finding }, errorJobIds };
    if (unknownOnStandby)
      return { check: { kind, result: 'unknown', reason: 'standby' }, errorJobIds };
    return {
      check: incomplete
        ? { kind, result: 'unknown', reason: 'query_timeout' }
        : { kind, result: 'clear' },
      errorJobIds,
    };
  } catch (error) {
    if (error instanceof ConsoleError && error.code === 'query_timeout')
      return { check: { kind, result: 'unknown', reason: error.code }, errorJobIds: [] };
    throw error;
  }
}

/** Reads the errors of all items with one query and redacts all names with another. */
async function addErrorsAndRedact(
  checkContext: CheckContext,
  results: CheckWithErrors[],
): Promise<Check[]> {
  const errorOf = await readJobErrors(
    checkContext,
    results.flatMap(({ errorJobIds }) => errorJobIds),
  );
  const checks = results.map(({ check, errorJobIds }): Check => {
    if (check.result !== 'found' || errorJobIds.length === 0) return check;
    const addError = <Item extends object>(item: Item, n: number): Item => ({
      ...item,
      ...errorOf(errorJobIds[n] ?? ''),
    });
    return { ...check, finding: mapItems(check.finding, addError) };
  });
  const items = checks.flatMap((check): object[] =>
    check.result === 'found' ? [...check.finding.items] : [],
  );
  const names = items.map(queueOf).filter((queue) => typeof queue === 'string');
  const redactQueue = await redactNames(checkContext.ctx, 'queue_name', names);
  return checks.map((check) =>
    check.result === 'found'
      ? { ...check, finding: redactFinding(check.finding, redactQueue) }
      : check,
  );
}

function queueOf(item: object): unknown {
  if ('queue' in item) return item.queue;
  return 'by' in item && item.by === 'queue' && 'name' in item ? item.name : null;
}

function mapItems(
  finding: Finding,
  change: <Item extends object>(item: Item, n: number) => Item,
): Finding {
  const items: object[] = finding.items.map(change);
  // The compiler does not see that each item keeps its type, which depends on the kind.
  return { ...finding, items } as Finding;
}

/**
 * `readJobErrors` has already redacted the secrets that errors repeat from their job's arguments.
 */
function redactFinding(finding: Finding, redactQueue: (name: string) => string): Finding {
  return mapItems(finding, <Item extends object>(item: Item): Item => {
    const queue = queueOf(item);
    const redactValue = (value: unknown) => {
      if (typeof value !== 'string') return value;
      return value === queue ? redactQueue(value) : redactError(value);
    };
    const redacted: Record<string, unknown> = {};
    let isNameRedacted = false;
    const values: [string, unknown][] = Object.entries(item);
    for (const [name, value] of values) {
      if (name === 'href') continue;
      redacted[name] = redactValue(value);
      if (name === 'queue' || name === 'jobClass') isNameRedacted ||= redacted[name] !== value;
    }
    // The link contains the name of the queue or class, so it is removed if the name is redacted.
    return {
      ...item,
      ...redacted,
      ...('href' in item && isNameRedacted ? { href: finding.href } : {}),
    };
  });
}

/** Sort order of the checks: findings by severity, then unknown results, then clear ones. */
function rank(check: Check): number {
  return groupRank(check) * 100 + FINDING_KINDS.indexOf(check.kind);
}

function groupRank(check: Check): number {
  if (check.result === 'found') return SEVERITIES.indexOf(check.finding.severity);
  return check.result === 'unknown' ? 10 : 20;
}

/** Cache TTL: a base, plus TTL_PER_QUERY_MS for each millisecond the search took. */
const TTL_MS = 10_000;
const TTL_PER_QUERY_MS = 10;
const MAX_TTL_MS = 30_000;
/** How long a reader waits for a new search before it gets a stale result. */
const WAIT_MS = 250;
/** The maximum age of that stale result. */
const STALE_MS = 60_000;

const cache = new ProcessCache<Attention>('attention', {
  ttlMs: costTtl(TTL_MS, TTL_PER_QUERY_MS, MAX_TTL_MS),
  maxEntries: 20,
  expiresOnWrite: true,
});

/**
 * Returns the cached result of all checks, never older than the viewer's last write. If a new
 * search takes longer than WAIT_MS, returns the previous result, at most STALE_MS old.
 */
export function getAttention(ctx: Ctx): Promise<Attention> {
  return cache.get(ctx.tables.schema.identity, keyOf(ctx), () => search(ctx), {
    staleMs: STALE_MS,
    waitMs: WAIT_MS,
    maxAgeMs: ctx.maxAgeMs,
  });
}

/**
 * Extends the TTL for readers that only count findings, so that a page view rarely starts a search.
 */
const COUNT_IDLE_MS = 20_000;

/**
 * Returns the last result without waiting; null: there is none, or it is older than `staleMs`.
 * Starts a search in the background if the result has expired.
 */
async function lastAttention(ctx: Ctx, staleMs: number): Promise<Attention | null> {
  const { identity } = ctx.tables.schema;
  const options = { staleMs, idleMs: COUNT_IDLE_MS };
  return (await cache.latest(identity, keyOf(ctx), () => search(ctx), options)) ?? null;
}

/** Cache key: the settings that findings depend on besides GoodJob's tables. */
const keyOf = ({ readOnly, consoleSchema, bulkRuns, pauseEnds }: Ctx): string =>
  JSON.stringify([readOnly, consoleSchema, bulkRuns, pauseEnds]);

function search(ctx: Ctx): Promise<Attention> {
  return findAttention(ctx, { ...GRACE_PERIODS, readyMinutes: env().attentionReadyMinutes });
}

/** The maximum age of a result that a reader gets without waiting. */
const MAX_STALE_MS = 10 * 60_000;

/**
 * Returns the last result of all checks without waiting, at most MAX_STALE_MS old, and starts a new
 * search if it has expired. Waits for the first result.
 */
export async function cachedAttention(ctx: Ctx): Promise<Attention> {
  return (await lastAttention(ctx, MAX_STALE_MS)) ?? getAttention(ctx);
}

export interface AttentionCount {
  findings: number;
  /** The highest severity of all findings. */
  severity: Severity;
}

/**
 * Returns the number of findings for the navigation, from the last search and without waiting; an
 * expired result starts a new search. Null: no findings; undefined: not known yet.
 */
export async function cachedAttentionCount(ctx: Ctx): Promise<AttentionCount | null | undefined> {
  const attention = await lastAttention(ctx, MAX_STALE_MS);
  return attention ? countFindings(attention) : undefined;
}

/** Returns the number of findings and their highest severity; null: there are no findings. */
export function countFindings({ checks }: Attention): AttentionCount | null {
  const severities = checks.flatMap((check) =>
    check.result === 'found' ? [check.finding.severity] : [],
  );
  const severity = SEVERITIES.find((level) => severities.includes(level));
  return severity ? { findings: severities.length, severity } : null;
}
