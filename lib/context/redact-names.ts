import 'server-only';
import sql, { raw } from 'sql-template-tag';
import { nullOnTimeout } from '../core/errors';
import { parseJson } from '../core/json-text';
import { ProcessCache } from '../core/process-cache';
import type { TextBudget } from '../core/steps';
import type { Tx } from '../db/database';
import { limitedJson } from '../db/text-limit';
import { type Redaction, redaction } from '../redaction/redaction';
import { newPageBudget } from '../redaction/row-texts';
import { SecretRegistry } from '../redaction/secret-registry';
import type { Ctx } from './types';

/** Jobs of one name whose payloads are read: of two one shows it as it is, if any does. */
const JOBS_OF_NAME = 2;
/** Names that are looked up at once: as many as any page lists. */
const MAX_NAMES = 1_000;
/** Names that one statement looks up, so that its payloads are bounded too. */
const NAMES_PER_STATEMENT = 50;
const TTL_MS = 60_000;
const MAX_CACHED = 5_000;
const TIMEOUT_MS = 1_000;

const cache = new ProcessCache<string>('redacted names', {
  ttlMs: TTL_MS,
  maxEntries: MAX_CACHED,
});

interface JobOfName {
  name: string;
  jobClass: string | null;
  /** Null: it has none, or it is too large to be read. */
  payload: string | null;
  isLarge: boolean;
}

type NameColumn = 'queue_name' | 'cron_key';
type RedactName = <Name extends string | null>(name: Name) => Name;

/**
 * Queues or cron keys as pages show them that gather many jobs: without what is secret by itself, and without what the
 * payload of every job that was read hides, as lists show it. A name whose jobs could not be read within the time and
 * the bytes of a page is hidden whole. `tx`: of a read that is `byIndexOnly`, for who has one open.
 */
export async function redactNames(
  ctx: Ctx,
  column: NameColumn,
  names: readonly (string | null)[],
  tx?: Tx,
): Promise<RedactName> {
  const rules = redaction();
  if (rules.off) return (name) => name;
  const { identity } = ctx.tables.schema;
  const keyOf = (name: string) => JSON.stringify([column, name]);
  const redacted = new Map<string, string>();
  const unknown: string[] = [];
  for (const name of new Set(names)) {
    if (name === null) continue;
    const cached = cache.peek(identity, keyOf(name));
    redacted.set(name, cached ?? hiddenWhole(rules, name));
    if (cached === undefined && unknown.length < MAX_NAMES) unknown.push(name);
  }
  if (unknown.length > 0) {
    const found = await readNames(ctx, column, unknown, tx);
    for (const [name, shown] of found) {
      redacted.set(name, shown);
      cache.set(identity, keyOf(name), shown);
    }
  }
  return <Name extends string | null>(name: Name) =>
    (name === null ? name : (redacted.get(name) ?? hiddenWhole(rules, name))) as Name;
}

/** As a name is shown whose jobs are not known. */
function hiddenWhole(rules: Redaction, name: string): string {
  const secrets = new SecretRegistry();
  secrets.overflowed = true;
  return rules.redactText(name, secrets);
}

/** The names whose jobs could be read in time, as they are shown. */
async function readNames(
  ctx: Ctx,
  column: NameColumn,
  names: string[],
  tx?: Tx,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const budget = newPageBudget();
  for (let at = 0; at < names.length && budget.remainingBytes > 0; at += NAMES_PER_STATEMENT) {
    const chunk = names.slice(at, at + NAMES_PER_STATEMENT);
    const jobs = tx
      ? await jobsOf(ctx, column, chunk, tx)
      : await ctx.db
          .read((own) => jobsOf(ctx, column, chunk, own), {
            byIndexOnly: true,
            timeoutMs: TIMEOUT_MS,
          })
          .catch(nullOnTimeout);
    if (!jobs) break;
    await redactChunk(chunk, jobs, budget, found);
  }
  return found;
}

/** index_good_jobs_on_queue_name or, without it, …_on_queue_name_and_scheduled_at of the open ones; …_on_cron_key_and_created_at_cond. */
async function jobsOf(
  { tables }: Ctx,
  column: NameColumn,
  names: string[],
  tx: Tx,
): Promise<JobOfName[]> {
  const onlyOpen =
    column === 'queue_name' &&
    tables.schema.missingMigrations.some(
      ({ migration }) => migration === 'add_index_good_jobs_queue_name',
    );
  return tx.query<JobOfName>(sql`
    SELECT v.name, left(j.job_class, 300) AS "jobClass", j.payload,
           j.payload IS NULL AND j.has_payload AS "isLarge"
      FROM unnest(${names}::text[]) v(name) CROSS JOIN LATERAL (
        SELECT j.job_class, j.serialized_params IS NOT NULL AS has_payload,
               ${limitedJson(sql`j.serialized_params`)} AS payload
          FROM ${tables.jobs} j
         WHERE j.${raw(column)} = v.name AND ${onlyOpen ? sql`j.finished_at IS NULL` : sql`true`}
         LIMIT ${JOBS_OF_NAME}) j`);
}

/** Adds those of the names to `found` that the budget allows for. */
async function redactChunk(
  names: string[],
  jobs: JobOfName[],
  budget: TextBudget,
  found: Map<string, string>,
): Promise<void> {
  const byName = new Map<string, JobOfName[]>(names.map((name) => [name, []]));
  for (const job of jobs) byName.get(job.name)?.push(job);
  for (const [name, own] of byName) {
    const bytes = own.reduce((sum, { payload }) => sum + (payload?.length ?? 0), name.length);
    if (!budget.spend(bytes)) return;
    found.set(name, redactName(name, own));
    await budget.yieldIfDue();
  }
}

function redactName(name: string, jobs: JobOfName[]): string {
  const rules = redaction();
  const plain = rules.redactText(name);
  const redacted = jobs.map(({ jobClass, payload, isLarge }) => {
    const secrets = new SecretRegistry();
    secrets.overflowed = isLarge;
    if (payload !== null)
      rules.redactJson(parseJson(payload), { of: 'payload', jobClass, secrets });
    return rules.redactText(name, secrets);
  });
  return redacted.length === 0 || redacted.includes(plain) ? plain : (redacted[0] ?? plain);
}
