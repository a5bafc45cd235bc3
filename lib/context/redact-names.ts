import 'server-only';
import sql, { raw } from 'sql-template-tag';
import { z } from 'zod';
import { ignoreTimeout } from '../core/errors';
import { parseJson } from '../core/json';
import { ProcessCache } from '../core/process-state';
import type { TextBudget } from '../core/steps';
import type { Tx } from '../db/database';
import { limitedJson } from '../db/text-limit';
import { hasIndex } from '../good-job/tables';
import { type Redaction, redaction } from '../redaction/redaction';
import { newPageBudget } from '../redaction/row-texts';
import { SecretRegistry } from '../redaction/secret-registry';
import type { Ctx } from './request-context';

/** Jobs per name whose payloads are read. */
const JOBS_PER_NAME = 2;
/** Maximum names per call, more than any page lists. */
const MAX_NAMES = 1_000;
/** Bounds the payloads of one statement. */
const NAMES_PER_STATEMENT = 50;
const TTL_MS = 60_000;
const MAX_CACHED = 5_000;
const TIMEOUT_MS = 1_000;

const cache = new ProcessCache<string>('redacted names', {
  ttlMs: TTL_MS,
  maxEntries: MAX_CACHED,
});

const namedJobRow = z.strictObject({
  name: z.string(),
  jobClass: z.string().nullable(),
  /** Null if the job has no payload, or if `isLarge`. */
  payload: z.string().nullable(),
  isLarge: z.boolean(),
});
type NamedJob = z.infer<typeof namedJobRow>;

type NameColumn = 'queue_name' | 'cron_key';
type RedactName = <Name extends string | null>(name: Name) => Name;

/**
 * Returns a function that redacts names of queues or cron keys on pages that group jobs: a name is
 * visible if one of its sampled jobs shows it, and redacted if the jobs could not be read within
 * the page's budget. `tx` is an open `byIndexOnly` transaction; without it each chunk opens a
 * transaction.
 */
export async function redactNames(
  ctx: Ctx,
  column: NameColumn,
  names: readonly (string | null)[],
  tx?: Tx,
): Promise<RedactName> {
  const rules = redaction();
  if (rules.isOff) return (name) => name;
  const { identity } = ctx.tables.schema;
  const keyOf = (name: string) => JSON.stringify([column, name]);
  const redacted = new Map<string, string>();
  const uncached: string[] = [];
  for (const name of new Set(names)) {
    if (name === null) continue;
    const cached = cache.peek(identity, keyOf(name));
    redacted.set(name, cached ?? redactUnknown(rules, name));
    if (cached === undefined && uncached.length < MAX_NAMES) uncached.push(name);
  }
  if (uncached.length > 0) {
    const results = await redactByJobs(ctx, column, uncached, tx);
    for (const [name, result] of results) {
      redacted.set(name, result);
      cache.set(identity, keyOf(name), result);
    }
  }
  // TypeScript cannot narrow a type parameter, so the result needs a cast.
  return <Name extends string | null>(name: Name) =>
    (name === null ? name : (redacted.get(name) ?? redactUnknown(rules, name))) as Name;
}

/** Redacts a name whose jobs were not read. */
function redactUnknown(rules: Redaction, name: string): string {
  const secrets = new SecretRegistry();
  secrets.overflowed = true;
  return rules.redactText(name, secrets);
}

/** Redacts the names whose jobs can be read within the budget; omits the others. */
async function redactByJobs(
  ctx: Ctx,
  column: NameColumn,
  names: string[],
  tx?: Tx,
): Promise<Map<string, string>> {
  const results = new Map<string, string>();
  const budget = newPageBudget();
  for (let at = 0; at < names.length; at += NAMES_PER_STATEMENT) {
    const chunk = names.slice(at, at + NAMES_PER_STATEMENT);
    const read = tx
      ? readNamedJobs(ctx, column, chunk, tx)
      : ctx.db
          .read((chunkTx) => readNamedJobs(ctx, column, chunk, chunkTx), {
            byIndexOnly: true,
            timeoutMs: TIMEOUT_MS,
          })
          .catch(ignoreTimeout);
    const jobs = await budget.waitFor(read);
    if (!jobs) break;
    if (!(await redactChunk(chunk, jobs, budget, results))) break;
  }
  return results;
}

/**
 * Reads up to JOBS_PER_NAME jobs of each name by index_good_jobs_on_queue_name or
 * index_good_jobs_on_cron_key_and_created_at_cond. Without the former only unfinished jobs have an
 * index, index_good_jobs_on_queue_name_and_scheduled_at.
 */
async function readNamedJobs(
  { tables }: Ctx,
  column: NameColumn,
  names: string[],
  tx: Tx,
): Promise<NamedJob[]> {
  const onlyUnfinished =
    column === 'queue_name' && !hasIndex(tables, 'add_index_good_jobs_queue_name');
  return tx.query(
    namedJobRow,
    sql`
      SELECT v.name, left(j.job_class, 300) AS "jobClass", j.payload,
             j.payload IS NULL AND j.has_payload AS "isLarge"
        FROM unnest(${names}::text[]) v(name)
       CROSS JOIN LATERAL (
          SELECT j.job_class, j.serialized_params IS NOT NULL AS has_payload,
                 ${limitedJson(sql`j.serialized_params`)} AS payload
            FROM ${tables.jobs} j
           WHERE j.${raw(column)} = v.name
             AND ${onlyUnfinished ? sql`j.finished_at IS NULL` : sql`true`}
           LIMIT ${JOBS_PER_NAME}) j`,
  );
}

/** Adds the redacted names to `results`. Returns false if the budget did not allow all of them. */
async function redactChunk(
  names: string[],
  jobs: NamedJob[],
  budget: TextBudget,
  results: Map<string, string>,
): Promise<boolean> {
  const byName = new Map<string, NamedJob[]>(names.map((name) => [name, []]));
  for (const job of jobs) byName.get(job.name)?.push(job);
  for (const [name, namedJobs] of byName) {
    const bytes = namedJobs.reduce((sum, { payload }) => sum + (payload?.length ?? 0), name.length);
    if (!budget.spend(bytes)) return false;
    results.set(name, redactName(name, namedJobs));
    await budget.yieldIfDue();
  }
  return true;
}

function redactName(name: string, jobs: NamedJob[]): string {
  const rules = redaction();
  const ownResult = rules.redactText(name);
  const jobResults = jobs.map(({ jobClass, payload, isLarge }) => {
    const secrets = new SecretRegistry();
    secrets.overflowed = isLarge;
    if (payload !== null)
      rules.redactJson(parseJson(payload), { kind: 'payload', jobClass, secrets });
    return rules.redactText(name, secrets);
  });
  return jobResults.length === 0 || jobResults.includes(ownResult)
    ? ownResult
    : (jobResults[0] ?? ownResult);
}
