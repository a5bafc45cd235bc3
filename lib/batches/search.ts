import 'server-only';
import sql, { type Sql, empty, join } from 'sql-template-tag';
import { z } from 'zod';
import { type Json, object, parseJsonInSteps, scalar, stringOf } from '../core/json';
import { TextBudget } from '../core/steps';
import type { Cursor } from '../core/urls';
import { type Tx, nullOnTimeout } from '../db/database';
import {
  type Order,
  afterCursorSql,
  isLargeJson,
  isLargeText,
  limitedJson,
  limitedText,
  orderBySql,
} from '../db/text-limit';
import { decodeActiveJob } from '../good-job/payload';
import type { GoodJobTables } from '../good-job/tables';
import { redaction } from '../redaction/redaction';
import { parseValues, tokenize } from '../search/terms';

/*
 * A search of batches by description, callbacks and properties. It must not find what redaction
 * hides, so SQL selects candidates, and each is matched again on its redacted attributes. Where a
 * search ends depends on rows, bytes and the time of the SQL statements, never on rejected
 * candidates.
 */

/** Batches that one request searches. */
const MAX_SEARCHED = 10_000;
/** Bytes of texts that one request searches, without the first kilobyte of each batch. */
const MAX_SEARCHED_BYTES = 4_000_000;
const FREE_BYTES = 1_000;
const FIRST_WINDOW = 250;
const WINDOW_GROWTH = 4;
const MIN_WINDOW = 10;
/** Statement timeout of one window. */
const WINDOW_MS = 1_000;
/** Candidates whose texts one statement reads. */
const CHUNK_ROWS = 50;
const MAX_WORDS = 8;
const MAX_CALLBACK_LENGTH = 500;

/** The words of a search, without their quotes; a batch must contain all of them. */
export function searchWords(q: string): string[] {
  return tokenize(q)
    .map(({ text }) => (parseValues(text, null)[0]?.text ?? '').toLowerCase())
    .filter((word) => word !== '')
    .slice(0, MAX_WORDS);
}

/** Whether redaction hides a word, so that its matches would reveal that the value exists. */
export const isHiddenSearch = (q: string): boolean =>
  [q, ...searchWords(q)].some((text) => redaction().redactText(text) !== text);

/** Newest first, from the batches with the alias j. */
export const NEWEST_FIRST: Order = { key: sql`j.created_at`, direction: 'desc' };

interface SearchOptions {
  /** SQL condition for the batch j. */
  state: Sql;
  q: string;
  /** With the time of its row. */
  cursor: Cursor | null;
  /** Number of matches to find. */
  wanted: number;
  budgetMs: number;
}

interface SearchResult {
  /** The ids of the matches, in the list's order. */
  ids: string[];
  /** The last searched batch; null when the search found enough or reached the end. */
  end: { id: string; at: string } | null;
  scanned: number;
  unsearched: number;
}

const placeRow = z.strictObject({ id: z.string(), at: z.string() });

/** Searches the batches after the cursor, in windows until the budget is spent. */
export async function searchBatches(
  tx: Tx,
  tables: GoodJobTables,
  { state, q, cursor, wanted, budgetMs }: SearchOptions,
): Promise<SearchResult> {
  const words = searchWords(q);
  const deadline = performance.now() + budgetMs;
  // good_job_batches has no index on created_at, so one statement sorts what all windows read.
  const places = await tx.query(
    placeRow,
    sql`
      SELECT j.id, j.created_at AS at
        FROM ${tables.batches} j
       WHERE ${state}
         ${cursor ? sql`AND ${afterCursorSql(NEWEST_FIRST, cursor)}` : empty}
       ${orderBySql(NEWEST_FIRST, cursor)}
       LIMIT ${MAX_SEARCHED + 1}`,
  );
  const result: SearchResult = { ids: [], end: null, scanned: 0, unsearched: 0 };
  const budget = new TextBudget({ maxBytes: Infinity, maxMs: Infinity });
  let remainingBytes = MAX_SEARCHED_BYTES;
  let size = FIRST_WINDOW;
  const searchable = places.slice(0, MAX_SEARCHED).map(({ id }) => id);
  while (result.scanned < searchable.length) {
    const ids = searchable.slice(result.scanned, result.scanned + size);
    const rows = await readWindow(tx, tables, ids, words);
    if (!rows) {
      if (size > MIN_WINDOW) {
        size = MIN_WINDOW;
        continue;
      }
      result.unsearched += ids.length;
      result.scanned += ids.length;
    } else {
      const inBudget = rows.filter(({ total }, n) => n === 0 || total <= remainingBytes);
      remainingBytes -= inBudget.at(-1)?.total ?? 0;
      result.unsearched += inBudget.filter(({ isLarge }) => isLarge).length;
      result.scanned += ids.length === rows.length ? inBudget.length : ids.length;
      const candidates = inBudget.filter(({ fits }) => fits).map(({ id }) => id);
      const missing = wanted - result.ids.length;
      result.ids.push(...(await firstVisible(tx, tables, candidates, words, missing, budget)));
      if (result.ids.length >= wanted) return result;
      size *= WINDOW_GROWTH;
    }
    if (remainingBytes <= 0 || performance.now() > deadline) break;
  }
  const end = result.scanned < places.length ? places[result.scanned - 1] : undefined;
  return { ...result, end: end ?? null };
}

const windowRow = z.strictObject({
  id: z.string(),
  /** The stored texts contain all words. */
  fits: z.boolean(),
  /** A text is too large to be searched. */
  isLarge: z.boolean(),
  /** Bytes of the window up to this batch. */
  total: z.number(),
});

/** The batches by `good_job_batches_pkey`, in order; null if the statement takes too long. */
async function readWindow(
  tx: Tx,
  tables: GoodJobTables,
  ids: string[],
  words: string[],
): Promise<z.infer<typeof windowRow>[] | null> {
  const hasWord = (word: string) => sql`
    (strpos(t.texts, lower(${word})) > 0 OR strpos(t.texts, lower(${inJson(word)})) > 0)`;
  const condition = words.length > 0 ? join(words.map(hasWord), ' AND ') : sql`true`;
  return nullOnTimeout(tx, WINDOW_MS, () =>
    tx.query(
      windowRow,
      sql`
        SELECT w.id, w.fits, w."isLarge",
               (sum(greatest(w.bytes - ${FREE_BYTES}::int, 0)) OVER (ORDER BY w.n))::float8 AS total
          FROM (
            SELECT j.id, p.n, t.is_large AS "isLarge", octet_length(t.texts) AS bytes,
                   NOT t.is_large AND ${condition} AS fits
              FROM unnest(${ids}::uuid[]) WITH ORDINALITY p(id, n)
             CROSS JOIN LATERAL (
               SELECT *
                 FROM ${tables.batches} j
                WHERE j.id = p.id
               OFFSET 0) j
             CROSS JOIN LATERAL (
               SELECT lower(concat_ws(E'\n', ${storedTexts()})) AS texts,
                      ${isLargeText(sql`j.description`)}
                        OR ${isLargeJson(sql`j.serialized_properties`)} AS is_large
               OFFSET 0) t) w
         ORDER BY w.n`,
    ),
  );
}

function storedTexts(): Sql {
  const callbacks = [sql`j.on_finish`, sql`j.on_success`, sql`j.on_discard`].map(
    (name) => sql`left(${name}, ${MAX_CALLBACK_LENGTH}::int)`,
  );
  return join([
    limitedText(sql`j.description`),
    ...callbacks,
    limitedJson(sql`j.serialized_properties`),
  ]);
}

/** A word as it is inside a JSON string. */
const inJson = (word: string): string => JSON.stringify(word).slice(1, -1);

const candidateRow = z.strictObject({
  id: z.string(),
  description: z.string().nullable(),
  onFinish: z.string().nullable(),
  onSuccess: z.string().nullable(),
  onDiscard: z.string().nullable(),
  properties: z.string().nullable(),
});

/** The first `wanted` candidates whose redacted attributes contain all words. */
async function firstVisible(
  tx: Tx,
  tables: GoodJobTables,
  ids: string[],
  words: string[],
  wanted: number,
  budget: TextBudget,
): Promise<string[]> {
  const visible: string[] = [];
  for (let from = 0; from < ids.length && visible.length < wanted; from += CHUNK_ROWS) {
    const rows = await tx.query(
      candidateRow,
      sql`
        SELECT j.id, ${limitedText(sql`j.description`)} AS description,
               left(j.on_finish, ${MAX_CALLBACK_LENGTH}::int) AS "onFinish",
               left(j.on_success, ${MAX_CALLBACK_LENGTH}::int) AS "onSuccess",
               left(j.on_discard, ${MAX_CALLBACK_LENGTH}::int) AS "onDiscard",
               ${limitedJson(sql`j.serialized_properties`)} AS properties
          FROM unnest(${ids.slice(from, from + CHUNK_ROWS)}::uuid[]) WITH ORDINALITY p(id, n)
          JOIN ${tables.batches} j ON j.id = p.id
         ORDER BY p.n`,
    );
    for (const row of rows) {
      if (visible.length < wanted && (await isVisibleMatch(row, words, budget)))
        visible.push(row.id);
      await budget.yieldIfDue();
    }
  }
  return visible;
}

/** Matches the same JSON that the page of the batch shows. */
async function isVisibleMatch(
  { description, onFinish, onSuccess, onDiscard, properties }: z.infer<typeof candidateRow>,
  words: string[],
  budget: TextBudget,
): Promise<boolean> {
  const json = object([
    ['description', scalar(description)],
    ['properties', decodeActiveJob(await parseJsonInSteps(properties ?? 'null', budget))],
    ['on_finish', scalar(onFinish)],
    ['on_success', scalar(onSuccess)],
    ['on_discard', scalar(onDiscard)],
  ]);
  const redacted = await redaction().redactJsonInSteps(json, { budget });
  if (redacted.kind !== 'object') return false;
  const texts: string[] = [];
  for (const { value } of redacted.entries)
    if (value.kind !== 'scalar' || value.text !== 'null') collectTexts(value, texts);
  const all = texts.join('\n').toLowerCase();
  return words.every((word) => all.includes(word));
}

/** The keys and values of a JSON value; recursion is safe, because the parser limits its depth. */
function collectTexts(json: Json, texts: string[]): void {
  if (json.kind === 'scalar') texts.push(stringOf(json) ?? json.text);
  else if (json.kind === 'array') for (const item of json.items) collectTexts(item, texts);
  else
    for (const { key, value } of json.entries) {
      texts.push(key);
      collectTexts(value, texts);
    }
}
