import 'server-only';
import sql, { type Sql, raw } from 'sql-template-tag';
import { z } from 'zod';
import type { Ctx } from '../context/request-context';
import { ProcessCache } from '../core/process-state';
import type { TextBudget } from '../core/steps';
import type { Tx } from '../db/database';
import { type GoodJobTables, hasIndex } from '../good-job/tables';
import { JOB_STATES } from '../good-job/types';
import { redaction } from '../redaction/redaction';
import { SecretRegistry } from '../redaction/secret-registry';
import {
  JOBS_PER_VALUE,
  MAX_VALUES,
  type ValueWithJobs,
  looseScan,
  sampleValues,
  valueWithJobsRow,
} from '../search/index-hints';
import { parseField } from '../search/parser';
import {
  COMMA,
  DURATION_FIELDS,
  EXECUTION_FIELDS,
  FIELDS,
  MINUS,
  TIME_FIELDS,
  quoteValue,
  tokenize,
} from '../search/terms';
import { newJobBudget, redactTexts, storedTextColumns, storedTexts } from './texts';

/** Suggestions for a query. */
export interface Completion {
  /** Start of the text that a suggestion replaces, as a UTF-16 offset. */
  from: number;
  to: number;
  items: { insert: string; kind: 'field' | 'value' }[];
}

const MAX_ITEMS = 20;
/**
 * Older values are still returned, but refreshed in the background, so that typing is never
 * delayed.
 */
const TTL_MS = 10_000;
/** Older values are not returned. */
const STALE_MS = 10 * 60_000;
const DURATIONS = ['>10s', '>1m', '>10m', '>1h', '<1s'];
const SPANS = ['>1h', '>24h', '>7d', '<1h', '<24h'];

const cache = new ProcessCache<Values>('completion values', {
  ttlMs: TTL_MS,
  maxEntries: 200,
});

/**
 * Returns completions for the word at the cursor of a query: fields and classes, or values of its
 * field.
 */
export async function completeQuery(
  ctx: Ctx,
  { text, at }: { text: string; at: number },
): Promise<Completion> {
  const token = tokenize(text).find(
    ({ start, text: word }) => start <= at && at <= start + word.length,
  );
  const word = token?.text ?? '';
  const start = token?.start ?? at;
  const minus = word.length > 1 && MINUS.test(word) ? 1 : 0;
  const input = word.slice(minus, at - start);
  const to = start + word.length;
  const field = parseField(word.slice(minus));
  if (!field || at - start - minus < field.valueAt)
    return { from: start + minus, to, items: await completeWord(ctx, input) };
  const value = input.slice(field.valueAt);
  const lastValue = value.split(COMMA).at(-1) ?? '';
  const prefix = lastValue.replaceAll(/["“”＂*]/g, '');
  const matches = matching(await valuesOf(ctx, field.name, prefix), prefix);
  return {
    from: at - lastValue.length,
    to,
    items: matches.slice(0, MAX_ITEMS).map((match) => ({
      insert: needsNoQuotes(field.name) ? match : quoteValue(match),
      kind: 'value',
    })),
  };
}

async function completeWord(ctx: Ctx, input: string): Promise<Completion['items']> {
  const names = [...FIELDS, 'args.0'].filter((name) =>
    name.startsWith(input.normalize('NFKC').toLowerCase()),
  );
  const classes =
    input.length >= 2
      ? matching(await valuesOf(ctx, 'class', input), input).slice(0, MAX_ITEMS - names.length)
      : [];
  return [
    ...names.map((name) => ({ insert: `${name}:`, kind: 'field' as const })),
    ...classes.map((value) => ({ insert: `class:${quoteValue(value)}`, kind: 'value' as const })),
  ];
}

/** Returns values of a field that contain the input, with those that begin with it first. */
export async function completeValue(
  ctx: Ctx,
  field: 'queue' | 'class' | 'label' | 'cron',
  input: string,
): Promise<string[]> {
  return matching(await valuesOf(ctx, field, input), input).slice(0, MAX_ITEMS);
}

const isTime = (field: string) =>
  ([...TIME_FIELDS, ...EXECUTION_FIELDS] as readonly string[]).includes(field);
const isDuration = (field: string) => (DURATION_FIELDS as readonly string[]).includes(field);
const needsNoQuotes = (field: string) => field === 'state' || field === 'process' || isTime(field);

function matching(values: string[], input: string): string[] {
  const text = input.normalize('NFKC').toLowerCase();
  const indexIn = (value: string) => value.normalize('NFKC').toLowerCase().indexOf(text);
  return values
    .filter((value) => indexIn(value) >= 0)
    .sort((a, b) => Math.min(indexIn(a), 1) - Math.min(indexIn(b), 1));
}

async function valuesOf(ctx: Ctx, field: string, prefix: string): Promise<string[]> {
  const { tables } = ctx;
  switch (field) {
    case 'state':
      return [...JOB_STATES];
    case 'class':
      return hasIndex(tables, 'add_index_good_jobs_job_class')
        ? distinct(ctx, 'job_class', sql`true`, prefix)
        : sampled(ctx, field, sql`ARRAY[j.job_class]`);
    case 'queue':
      // Without its own index, index_good_jobs_on_queue_name_and_scheduled_at has the unfinished
      // jobs.
      return distinct(
        ctx,
        'queue_name',
        hasIndex(tables, 'add_index_good_jobs_queue_name') ? sql`true` : sql`j.finished_at IS NULL`,
        prefix,
      );
    case 'cron':
      return distinct(ctx, 'cron_key', sql`true`, prefix);
    case 'label':
      return sampled(ctx, field, sql`j.labels`);
    case 'process':
      return processIds(ctx);
    default:
      if (isDuration(field)) return DURATIONS;
      return isTime(field) ? SPANS : [];
  }
}

const valueRow = z.strictObject({ value: z.string() });

async function processIds({ db, tables }: Ctx): Promise<string[]> {
  const rows = await db.read(
    (tx) =>
      tx.query(
        valueRow,
        sql`
          SELECT p.id::text AS value
            FROM ${tables.processes} p
           ORDER BY p.updated_at DESC
           LIMIT ${MAX_ITEMS}`,
      ),
    { timeoutMs: 1_000 },
  );
  return rows.map(({ value }) => value);
}

interface Values {
  values: string[];
  /** Whether these are all values of the column. */
  all: boolean;
}

function cachedValues(ctx: Ctx, name: string, read: (tx: Tx) => Promise<Values>): Promise<Values> {
  const load = () => ctx.db.read(read, { timeoutMs: 1_000, byIndexOnly: true });
  return cache.get(ctx.tables.schema.identity, name, load, { staleMs: STALE_MS });
}

/** Returns the unredacted values of the newest jobs. */
async function sampled(ctx: Ctx, name: string, arraySql: Sql): Promise<string[]> {
  const { values } = await cachedValues(ctx, name, async (tx) => ({
    values: await unredactedValues(tx, ctx.tables, await sampleValues(tx, ctx.tables, arraySql)),
    all: false,
  }));
  return values;
}

/** Returns all values of a column or, if it has too many, those from the prefix on. */
async function distinct(
  ctx: Ctx,
  column: 'job_class' | 'queue_name' | 'cron_key',
  where: Sql,
  prefix: string,
): Promise<string[]> {
  const { tables } = ctx;
  const read = async (tx: Tx, from: string, limit: number): Promise<Values> => {
    const scan = await looseScan(tx, tables, column, where, from, limit);
    const withIds = await addJobIds(tx, tables, column, where, scan.values);
    return { values: await unredactedValues(tx, tables, withIds), all: !scan.more };
  };
  const { values, all } = await cachedValues(ctx, column, (tx) => read(tx, '', MAX_VALUES));
  if (all || prefix === '') return values;
  const fromPrefix = await ctx.db.read((tx) => read(tx, prefix, MAX_ITEMS), {
    timeoutMs: 1_000,
    byIndexOnly: true,
  });
  return fromPrefix.values;
}

/** Jobs that one statement reads. */
const CHUNK = 50;

/** Adds the ids of some jobs to each value of an indexed column. */
async function addJobIds(
  tx: Tx,
  tables: GoodJobTables,
  column: string,
  where: Sql,
  values: { value: string }[],
): Promise<ValueWithJobs[]> {
  return tx.query(
    valueWithJobsRow,
    sql`
      SELECT v.value,
             ARRAY(SELECT j.id
                     FROM ${tables.jobs} j
                    WHERE ${raw(`j.${column}`)} = v.value AND ${where}
                    LIMIT ${JOBS_PER_VALUE}) AS ids
        FROM unnest(${values.map(({ value }) => value)}::text[]) WITH ORDINALITY v(value, n)
       ORDER BY v.n`,
  );
}

/**
 * Returns the values that at least one of their jobs shows unredacted: neither the value itself nor
 * another text of the job hides it. A job whose texts were not all read shows no value.
 */
async function unredactedValues(
  tx: Tx,
  tables: GoodJobTables,
  candidates: ValueWithJobs[],
): Promise<string[]> {
  const rules = redaction();
  if (rules.isOff) return candidates.map(({ value }) => value);
  const budget = newJobBudget();
  const values: ValueWithJobs[] = [];
  for (const candidate of candidates) {
    const { value } = candidate;
    if (!budget.spend(value.length)) break;
    if ((await rules.redactTextInSteps(value, { budget })) === value) values.push(candidate);
  }
  if (values.length === 0) return [];
  const jobIds = [...new Set(values.flatMap(({ ids }) => ids))];
  const secretsById = await readSecrets(tx, tables, jobIds, budget);
  const clear: string[] = [];
  for (const { value, ids } of values)
    for (const id of ids) {
      const secrets = secretsById.get(id);
      if (!secrets || (await rules.redactTextInSteps(value, { secrets, budget })) !== value)
        continue;
      clear.push(value);
      break;
    }
  return clear;
}

const jobTextsRow = storedTexts.extend({ id: z.string() });

async function readSecrets(
  tx: Tx,
  tables: GoodJobTables,
  ids: string[],
  budget: TextBudget,
): Promise<Map<string, SecretRegistry>> {
  const secretsById = new Map<string, SecretRegistry>();
  for (let from = 0; from < ids.length && !budget.isExhausted; from += CHUNK) {
    const rows = await tx.query(
      jobTextsRow,
      sql`
        SELECT j.id, ${storedTextColumns()}
          FROM ${tables.jobs} j
         WHERE j.id = ANY(${ids.slice(from, from + CHUNK)}::uuid[])`,
    );
    for (const row of rows) {
      const { secrets } = await redactTexts(row, { budget, withArguments: true });
      secretsById.set(row.id, secrets);
      await budget.yieldIfDue();
    }
  }
  return secretsById;
}
