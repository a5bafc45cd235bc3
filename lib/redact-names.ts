import 'server-only';
import sql, { raw } from 'sql-template-tag';
import type { Ctx } from './ctx';
import type { Tx } from './db/types';
import { ConsoleError } from './errors';
import { parseJson } from './good-job/json';
import { redaction } from './redaction/redaction';
import { SecretRegistry } from './redaction/secret-registry';

/** Jobs of one name that are looked at: of two one shows it as it is, if any does. */
const JOBS_OF_NAME = 2;
/** Names that are looked up at once: as many as any page reads. */
const MOST = 1_000;
/** Compressed, bytes; for the sake of a name alone no long payload is read, in lists neither. */
const LARGEST = 20_000;
const KEPT_MS = 60_000;
const KEPT = 5_000;
const TIMEOUT_MS = 1_000;

const shared = globalThis as typeof globalThis & {
  goodJobConsoleShownNames?: Map<string, { shown: string; until: number }>;
};
const kept = (shared.goodJobConsoleShownNames ??= new Map<
  string,
  { shown: string; until: number }
>());

interface JobOfName {
  name: string;
  jobClass: string | null;
  arguments: string | null;
}

/**
 * Queues or cron keys as pages show them that gather many jobs: without what is secret by itself, and without what the
 * arguments of every job that was looked at hide, as lists show it. What is not known in time is shown without the second.
 * `tx`: of a read that is `byIndexOnly`, for who has one open.
 */
export async function redactNames(
  ctx: Ctx,
  column: 'queue_name' | 'cron_key',
  names: readonly (string | null)[],
  tx?: Tx,
): Promise<<Name extends string | null>(name: Name) => Name> {
  const rules = redaction();
  const keyOf = (name: string) => JSON.stringify([ctx.gj.schema.name, column, name]);
  const now = Date.now();
  const shown = new Map<string, string>();
  const unknown: string[] = [];
  for (const name of new Set(names)) {
    if (name === null || rules.off) continue;
    const known = kept.get(keyOf(name));
    shown.set(name, known?.shown ?? rules.redactText(name));
    if ((known?.until ?? 0) <= now && unknown.length < MOST) unknown.push(name);
  }
  const found = unknown.length > 0 ? await jobsOf(ctx, column, unknown, tx) : null;
  if (found) {
    if (kept.size + unknown.length > KEPT) kept.clear();
    const byName = new Map<string, JobOfName[]>();
    for (const job of found) byName.set(job.name, [...(byName.get(job.name) ?? []), job]);
    for (const name of unknown) {
      const as = shownOf(name, byName.get(name) ?? []);
      shown.set(name, as);
      kept.set(keyOf(name), { shown: as, until: now + KEPT_MS });
    }
  }
  return <Name extends string | null>(name: Name) =>
    (name === null
      ? name
      : (shown.get(name) ?? (rules.off ? name : rules.redactText(name)))) as Name;
}

/** index_good_jobs_on_queue_name or, without it, …_on_queue_name_and_scheduled_at of the open ones; …_on_cron_key_and_created_at_cond. Null: not in time. */
async function jobsOf(
  ctx: Ctx,
  column: 'queue_name' | 'cron_key',
  names: string[],
  open?: Tx,
): Promise<JobOfName[] | null> {
  const { gj } = ctx;
  const onlyOpen =
    column === 'queue_name' &&
    gj.schema.missingMigrations.some(
      ({ migration }) => migration === 'add_index_good_jobs_queue_name',
    );
  const read = (tx: Tx) =>
    tx.query<JobOfName>(sql`
    SELECT v.name, j.job_class AS "jobClass", CASE WHEN pg_column_size(j.serialized_params) < ${LARGEST} THEN (j.serialized_params -> 'arguments')::text END AS arguments
      FROM unnest(${names}::text[]) v(name) CROSS JOIN LATERAL (
        SELECT job_class, serialized_params FROM ${gj.jobs} WHERE ${raw(column)} = v.name AND ${onlyOpen ? sql`finished_at IS NULL` : sql`true`} LIMIT ${JOBS_OF_NAME}) j`);
  if (open) return read(open);
  return ctx.db.read(read, { byIndexOnly: true, timeoutMs: TIMEOUT_MS }).catch((error: unknown) => {
    if (error instanceof ConsoleError && error.code === 'query_timeout') return null;
    throw error;
  });
}

function shownOf(name: string, jobs: JobOfName[]): string {
  const rules = redaction();
  const shown = jobs.map(({ jobClass, arguments: stored }) => {
    const secrets = new SecretRegistry();
    if (stored !== null)
      rules.redactJson(parseJson(stored), { of: 'arguments', jobClass, secrets });
    return rules.redactText(name, secrets);
  });
  const plain = rules.redactText(name);
  return shown.length === 0 || shown.includes(plain) ? plain : (shown[0] ?? plain);
}
