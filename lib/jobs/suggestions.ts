import 'server-only';
import sql, { type Sql, raw } from 'sql-template-tag';
import type { Ctx } from '../context/types';
import { ProcessCache } from '../core/process-cache';
import type { Tx } from '../db/database';
import { JOB_STATES } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import { redaction } from '../redaction/redaction';
import { SecretRegistry } from '../redaction/secret-registry';
import { fieldOf } from '../search/parser';
import { EXECUTION_FIELDS, FIELDS, TIME_FIELDS } from '../search/terms';
import { COMMA, MINUS, quoteValue, tokens } from '../search/tokens';
import { VALUES, looseScan, sample, JOBS_OF_VALUE, ValueOfJobs } from '../search/value-samples';
import { type StoredTexts, newJobBudget, redactTexts, storedTextColumns } from './texts';

export interface Completion {
  /** The part of the text that a chosen one takes the place of, UTF-16 offsets. */
  from: number;
  to: number;
  items: { insert: string; kind: 'field' | 'value' }[];
}

const ITEMS = 20;
/** Values as old as that are read again behind the answer, ms: a reader who types waits for nobody. */
const TTL_MS = 10_000;
/** Older ones are waited for. */
const STALE_MS = 10 * 60_000;
const SPANS = ['>1h', '>24h', '>7d', '<1h', '<24h'];

const cache = new ProcessCache<Values>('completion values', {
  ttlMs: TTL_MS,
  maxEntries: 200,
});

/** What the word at the cursor of a query could become: a field, or a value of its field. */
export async function completeQuery(
  ctx: Ctx,
  { text, at }: { text: string; at: number },
): Promise<Completion> {
  const token = tokens(text).find(
    ({ start, text: word }) => start <= at && at <= start + word.length,
  );
  const word = token?.text ?? '';
  const start = token?.start ?? at;
  const minus = word.length > 1 && MINUS.test(word) ? 1 : 0;
  const typed = word.slice(minus, at - start);
  const to = start + word.length;
  const field = fieldOf(word.slice(minus));
  if (!field || at - start - minus < field.valueAt) {
    const names = [...FIELDS, 'args.0'].filter((name) =>
      name.startsWith(typed.normalize('NFKC').toLowerCase()),
    );
    const classes =
      typed.length >= 2
        ? matching(await valuesOf(ctx, 'class', typed), typed).slice(0, ITEMS - names.length)
        : [];
    return {
      from: start + minus,
      to,
      items: [
        ...names.map((name) => ({ insert: `${name}:`, kind: 'field' as const })),
        ...classes.map((value) => ({
          insert: `class:${quoteValue(value)}`,
          kind: 'value' as const,
        })),
      ],
    };
  }
  const before = typed.slice(field.valueAt);
  const last = before.split(COMMA).at(-1) ?? '';
  const prefix = last.replaceAll(/["“”＂*]/g, '');
  const found = matching(await valuesOf(ctx, field.name, prefix), prefix);
  return {
    from: at - last.length,
    to,
    items: found
      .slice(0, ITEMS)
      .map((value) => ({ insert: isPlain(field.name) ? value : quoteValue(value), kind: 'value' })),
  };
}

/** Values of one field that have this in them, those that begin with it first. */
export async function completeValue(
  ctx: Ctx,
  field: 'queue' | 'class' | 'label',
  typed: string,
): Promise<string[]> {
  return matching(await valuesOf(ctx, field, typed), typed).slice(0, ITEMS);
}

const isTime = (field: string) =>
  ([...TIME_FIELDS, ...EXECUTION_FIELDS] as readonly string[]).includes(field);
const isPlain = (field: string) => field === 'state' || field === 'process' || isTime(field);

/** Those that begin with it before those that have it inside. */
function matching(values: string[], typed: string): string[] {
  const wanted = typed.normalize('NFKC').toLowerCase();
  const place = (value: string) => value.normalize('NFKC').toLowerCase().indexOf(wanted);
  return values
    .filter((value) => place(value) >= 0)
    .sort((a, b) => Math.min(place(a), 1) - Math.min(place(b), 1));
}

async function valuesOf(ctx: Ctx, field: string, prefix: string): Promise<string[]> {
  const { tables } = ctx;
  const has = (migration: string) =>
    !tables.schema.missingMigrations.some((missing) => missing.migration === migration);
  switch (field) {
    case 'state':
      return [...JOB_STATES];
    case 'class':
      return has('add_index_good_jobs_job_class')
        ? distinct(ctx, 'job_class', sql`true`, prefix)
        : sampled(ctx, field, sql`ARRAY[j.job_class]`);
    case 'queue': // without its own index that of the jobs that wait: index_good_jobs_on_queue_name_and_scheduled_at
      return distinct(
        ctx,
        'queue_name',
        has('add_index_good_jobs_queue_name') ? sql`true` : sql`j.finished_at IS NULL`,
        prefix,
      );
    case 'cron':
      return distinct(ctx, 'cron_key', sql`true`, prefix);
    case 'label':
      return sampled(ctx, field, sql`j.labels`);
    case 'process':
      return (
        await ctx.db.read(
          (tx) =>
            tx.query<{ value: string }>(
              sql`SELECT p.id::text AS value FROM ${tables.processes} p ORDER BY p.updated_at DESC LIMIT ${ITEMS}`,
            ),
          { timeoutMs: 1_000 },
        )
      ).map(({ value }) => value);
    default:
      return isTime(field) ? SPANS : [];
  }
}

/** `all`: there are no others. */
interface Values {
  values: string[];
  all: boolean;
}

function cachedValues(ctx: Ctx, name: string, read: (tx: Tx) => Promise<Values>): Promise<Values> {
  const load = () => ctx.db.read(read, { timeoutMs: 1_000, byIndexOnly: true });
  return cache.get(ctx.tables.schema.identity, name, load, { staleMs: STALE_MS });
}

/** Those of the newest jobs. A name of which something is hidden is none to search for. */
async function sampled(ctx: Ctx, name: string, of: Sql): Promise<string[]> {
  return (
    await cachedValues(ctx, name, async (tx) => ({
      values: await clearValues(tx, ctx.tables, await sample(tx, ctx.tables, of)),
      all: false,
    }))
  ).values;
}

/** All values of a column, or when it has very many those from the prefix on. */
async function distinct(
  ctx: Ctx,
  column: 'job_class' | 'queue_name' | 'cron_key',
  where: Sql,
  prefix: string,
): Promise<string[]> {
  const { tables } = ctx;
  const read = async (tx: Tx, from: string, limit: number): Promise<Values> => {
    const found = await looseScan(tx, tables, column, where, from, limit);
    return {
      values: await clearValues(
        tx,
        tables,
        await withJobs(tx, tables, column, where, found.values),
      ),
      all: !found.more,
    };
  };
  const { values, all } = await cachedValues(ctx, column, (tx) => read(tx, '', VALUES));
  if (all || prefix === '') return values;
  return (
    await ctx.db.read((tx) => read(tx, prefix, ITEMS), { timeoutMs: 1_000, byIndexOnly: true })
  ).values;
}

/** Jobs that one statement reads. */
const CHUNK = 50;

/** Some jobs of each value of a column that an index keeps. */
export async function withJobs(
  tx: Tx,
  tables: GoodJobTables,
  column: string,
  where: Sql,
  values: { value: string }[],
): Promise<ValueOfJobs[]> {
  return tx.query<ValueOfJobs>(sql`
    SELECT v.value, ARRAY(SELECT j.id FROM ${tables.jobs} j WHERE ${raw(`j.${column}`)} = v.value AND ${where} LIMIT ${JOBS_OF_VALUE}) AS ids
      FROM unnest(${values.map(({ value }) => value)}::text[]) WITH ORDINALITY v(value, n) ORDER BY v.n`);
}

/**
 * The values that lists show as they are: nothing of them is hidden, by itself or because another text of a job hides
 * it. A job that was not read completely shows nothing.
 */
export async function clearValues(
  tx: Tx,
  tables: GoodJobTables,
  found: ValueOfJobs[],
): Promise<string[]> {
  const rules = redaction();
  if (rules.off) return found.map(({ value }) => value);
  const budget = newJobBudget();
  const values: ValueOfJobs[] = [];
  for (const one of found) {
    if (!budget.spend(one.value.length)) break;
    if ((await rules.redactTextInSteps(one.value, { budget })) === one.value) values.push(one);
  }
  if (values.length === 0) return [];
  const secretsOf = new Map<string, SecretRegistry>();
  const ids = [...new Set(values.flatMap((value) => value.ids))];
  for (let from = 0; from < ids.length && !budget.exhausted; from += CHUNK) {
    const rows = await tx.query<StoredTexts & { id: string }>(sql`
      SELECT j.id, ${storedTextColumns()} FROM ${tables.jobs} j WHERE j.id = ANY(${ids.slice(from, from + CHUNK)}::uuid[])`);
    for (const row of rows) {
      const { secrets } = await redactTexts(row, { budget, withArguments: true });
      secretsOf.set(row.id, secrets);
      await budget.yieldIfDue();
    }
  }
  const clear: string[] = [];
  for (const { value, ids: jobs } of values)
    for (const id of jobs) {
      const secrets = secretsOf.get(id);
      if (!secrets || (await rules.redactTextInSteps(value, { secrets, budget })) !== value)
        continue;
      clear.push(value);
      break;
    }
  return clear;
}
