import sql, { type Sql, join, raw } from 'sql-template-tag';
import { z } from 'zod';
import { ProcessCache } from '../core/process-state';
import type { Tx } from '../db/database';
import { type GoodJobTables, quoteIdentifier, hasIndex } from '../good-job/tables';
import {
  containsSql,
  anyOf,
  escapeLike,
  includesParts,
  unescapeValue,
  jsonSpellings,
  likePattern,
} from './conditions';
import { type IndexTerm, MAX_VALUES, looseScan, sampleValues } from './index-hints';
import type { ArgumentTerm, MatchTerm, Term, TextTerm } from './terms';

/*
 * Optional search indexes that GoodJob does not create: trigrams (pg_trgm) of the error and of the
 * arguments as text, and a jsonb index of the arguments.
 */

/** The optional indexes that the database has. */
interface TextIndexes {
  /** Expression with a trigram index, on the alias `j`. */
  error: Sql | null;
  /** Expression with a trigram index, on the alias `j`. */
  arguments: Sql | null;
  /**
   * The jsonb expression with a GIN index, and whether it is the whole payload or its arguments.
   */
  json: { expression: Sql; of: 'payload' | 'arguments' } | null;
  /** Whether pg_trgm makes trigrams of non-ASCII letters; with LC_CTYPE=C it does not. */
  hasAnyLetters: boolean;
}

type OptionalIndex = IndexHint['index'];

const NAMES: Record<OptionalIndex, string> = {
  arguments_text: 'index_good_jobs_on_arguments_text',
  error_text: 'index_good_jobs_on_error_text',
  arguments_json: 'index_good_jobs_on_arguments',
};
const EXPRESSIONS: Record<OptionalIndex, string> = {
  arguments_text: `((serialized_params -> 'arguments')::text) gin_trgm_ops`,
  error_text: 'error gin_trgm_ops',
  arguments_json: `(serialized_params -> 'arguments') jsonb_path_ops`,
};

/** Returns the SQL that creates an optional index. */
function indexHint(tables: GoodJobTables, index: OptionalIndex): IndexHint {
  const table = `${quoteIdentifier(tables.schema.name)}.good_jobs`;
  const method = `gin (${EXPRESSIONS[index]})`;
  const create = `CREATE INDEX CONCURRENTLY ${NAMES[index]} ON ${table} USING ${method};`;
  return {
    index,
    sql: index === 'arguments_json' ? create : `CREATE EXTENSION IF NOT EXISTS pg_trgm;\n${create}`,
  };
}

const indexRow = z.strictObject({
  method: z.string(),
  operators: z.string(),
  /** The extension's schema. */
  schema: z.string(),
  expression: z.string(),
});
type IndexRow = z.infer<typeof indexRow>;

const anyLettersRow = z.strictObject({ hasAnyLetters: z.boolean() });

interface Catalogue {
  rows: IndexRow[];
  hasAnyLetters: boolean;
}

const TTL_MS = 60_000;
const catalogues = new ProcessCache<Catalogue>('text indexes', { ttlMs: TTL_MS, maxEntries: 20 });

async function readCatalogue(tx: Tx, tables: GoodJobTables): Promise<Catalogue> {
  const rows = await tx.query(
    indexRow,
    sql`
      SELECT m.amname AS method, o.opcname AS operators, s.nspname AS schema,
             replace(pg_get_indexdef(i.indexrelid, 1, false), ' ', '') AS expression
        FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
        JOIN pg_catalog.pg_am m ON m.oid = x.relam
        JOIN pg_catalog.pg_opclass o ON o.oid = i.indclass[0]
        JOIN pg_catalog.pg_namespace s ON s.oid = o.opcnamespace
       WHERE n.nspname = ${tables.schema.name}
         AND c.relname = 'good_jobs'
         AND i.indisvalid
         AND i.indpred IS NULL
         AND i.indnatts = 1
         AND m.amname IN ('gin', 'gist')`,
  );
  return {
    rows,
    hasAnyLetters: await hasTrigramsOfAnyLetters(tx, rows.filter(isTrigramIndex)[0]?.schema),
  };
}

const isTrigramIndex = ({ operators }: IndexRow) => /^gi(n|st)_trgm_ops$/.test(operators);

/** Returns the optional indexes of this database; the cache TTL is one minute. */
async function textIndexes(tx: Tx, tables: GoodJobTables): Promise<TextIndexes> {
  const { identity } = tables.schema;
  const cached = catalogues.peek(identity, '');
  const { rows, hasAnyLetters } = cached ?? (await readCatalogue(tx, tables));
  if (!cached) catalogues.set(identity, '', { rows, hasAnyLetters });
  const plain = (text: string) => text.replaceAll(/::text|[()]/g, '');
  const trigrams = rows.filter(isTrigramIndex);
  const json = rows.filter(
    ({ method, operators }) => method === 'gin' && /^jsonb_(path_)?ops$/.test(operators),
  );
  const has = (list: IndexRow[], expression: string) =>
    list.some((row) => plain(row.expression) === expression);
  const payload = sql`j.serialized_params`;
  const args = sql`(j.serialized_params -> 'arguments')`;
  const indexes: TextIndexes = {
    error: has(trigrams, 'error') ? sql`j.error` : null,
    arguments: null,
    json: null,
    hasAnyLetters,
  };
  if (has(trigrams, `serialized_params->'arguments'`)) indexes.arguments = sql`${args}::text`;
  else if (has(trigrams, 'serialized_params')) indexes.arguments = sql`${payload}::text`;
  if (has(json, `serialized_params->'arguments'`))
    indexes.json = { expression: args, of: 'arguments' };
  else if (has(json, 'serialized_params')) indexes.json = { expression: payload, of: 'payload' };
  return indexes;
}

/** Asks pg_trgm or, where it is not installed, infers the answer from the database's LC_CTYPE. */
async function hasTrigramsOfAnyLetters(tx: Tx, schema: string | undefined): Promise<boolean> {
  const condition =
    schema === undefined
      ? sql`datctype NOT IN ('C', 'POSIX')`
      : sql`cardinality(${raw(quoteIdentifier(schema))}.show_trgm('請求書')) > 0`;
  const [row] = await tx.query(
    anyLettersRow,
    sql`
      SELECT ${condition} AS "hasAnyLetters"
        FROM pg_catalog.pg_database
       WHERE datname = current_database()`,
  );
  return row?.hasAnyLetters === true;
}

/**
 * Whether a trigram index can find a substring: it needs three consecutive letters or digits that
 * pg_trgm indexes.
 */
function canUseTrigrams(
  { hasAnyLetters }: Pick<TextIndexes, 'hasAnyLetters'>,
  text: string,
): boolean {
  return hasAnyLetters ? /[\p{L}\p{N}]{3}/u.test(text) : /[A-Za-z0-9]{3}/.test(text);
}

/**
 * Returns a jsonb containment condition for values at a path. It may match more jobs than the term;
 * null when the path has too many possible shapes.
 */
function containmentCondition(
  { expression, of }: NonNullable<TextIndexes['json']>,
  path: string[],
  values: string[],
): Sql | null {
  // jsonb never prints a number with an exponent, and casting a huge one would fail.
  const literals = values.flatMap((value) => [
    JSON.stringify(value),
    ...(/^(-?(0|[1-9]\d*)(\.\d+)?|true|false|null)$/.test(value) ? [value] : []),
    `{"_aj_globalid": ${JSON.stringify(value)}}`,
    `{"value": ${JSON.stringify(value)}}`,
  ]);
  // A number in the path is an array index or, inside an argument, an object key.
  const wrap = (shapes: string[], part: string, isFirst: boolean) =>
    shapes.flatMap((shape) => [
      ...(/^-?\d+$/.test(part) ? [`[${shape}]`] : []),
      ...(isFirst ? [] : [`{${JSON.stringify(part)}: ${shape}}`]),
    ]);
  const inner = path
    .toReversed()
    .reduce(
      (shapes, part, n) => wrap(shapes, part, n === path.length - 1 && /^\d+$/.test(part)),
      literals,
    );
  const shapes = /^\d+$/.test(path[0] ?? '') ? inner : inner.map((shape) => `[${shape}]`);
  if (shapes.length > 64) return null;
  return sql`(${join(
    shapes.map(
      (shape) =>
        sql`${expression} @> ${of === 'payload' ? `{"arguments": ${shape}}` : shape}::jsonb`,
    ),
    ' OR ',
  )})`;
}

/** Each GIN match costs a heap recheck that reads its text again. */
const MAX_COUNTED_ROWS = 3_000;

/** The terms that an optional index can answer. */
interface TextIndexTerms {
  /** `hasNewestLabelsOnly`: the condition searches only labels of the newest jobs. */
  terms: (IndexTerm & { hasNewestLabelsOnly?: boolean })[];
  /** The first missing index that would help. */
  hint: IndexHint | null;
}

/**
 * Returns the terms that an optional index can answer. `exact` excludes terms that do not search
 * all labels.
 */
export async function textIndexTerms(
  tx: Tx,
  tables: GoodJobTables,
  filter: readonly Term[],
  exact: boolean,
): Promise<TextIndexTerms> {
  const result: TextIndexTerms = { terms: [], hint: null };
  const slowTerms = filter.filter(
    (term) =>
      !term.negated &&
      (term.kind === 'text' ||
        term.kind === 'argument' ||
        (term.kind === 'match' && term.field === 'error')),
  );
  if (slowTerms.length === 0) return result;
  const indexes = await textIndexes(tx, tables);
  const recommend = (index: IndexHint['index']) => {
    result.hint ??= indexHint(tables, index);
  };
  for (const term of slowTerms) {
    if (term.kind === 'argument') {
      const indexTerm = argumentIndexTerm(indexes, term);
      if (indexTerm) result.terms.push(indexTerm);
      else if (!indexes.json) recommend('arguments_json');
    } else if (term.kind === 'match') {
      if (!term.values.every((value) => canUseTrigrams(indexes, value.replaceAll('*', ' '))))
        continue;
      if (indexes.error) result.terms.push(errorIndexTerm(term));
      else recommend('error_text');
    } else if (term.kind === 'text' && canUseTrigrams(indexes, term.parts.join(' '))) {
      if (indexes.arguments && indexes.error) {
        const indexTerm = exact ? null : await byTrigrams(tx, tables, term, indexes.arguments);
        if (indexTerm) result.terms.push(indexTerm);
      } else recommend(indexes.arguments ? 'error_text' : 'arguments_text');
    }
  }
  return result;
}

function argumentIndexTerm(
  { json }: TextIndexes,
  { path, values }: ArgumentTerm,
): IndexTerm | null {
  const condition = json && containmentCondition(json, path, values);
  return (
    condition && { key: JSON.stringify(['args', path, values]), condition, limit: MAX_COUNTED_ROWS }
  );
}

function errorIndexTerm({ values }: MatchTerm): IndexTerm {
  const patterns = values.map(
    (value) => likePattern(value) ?? `%${escapeLike(unescapeValue(value))}%`,
  );
  return {
    key: JSON.stringify(['error', values]),
    condition: join(
      patterns.map((pattern) => sql`j.error ILIKE ${pattern}`),
      ' OR ',
      '(',
      ')',
    ),
    limit: MAX_COUNTED_ROWS,
  };
}

/**
 * Searches arguments and error by their indexes, classes by name, and only labels of the newest
 * jobs, because no index finds a part of a label. Null when not all class names can be read.
 */
async function byTrigrams(
  tx: Tx,
  tables: GoodJobTables,
  { parts }: TextTerm,
  args: TextIndexes['arguments'] & Sql,
): Promise<(IndexTerm & { hasNewestLabelsOnly: boolean }) | null> {
  if (!hasIndex(tables, 'add_index_good_jobs_job_class')) return null;
  const has = ({ value }: { value: string }) => includesParts(value, parts);
  const classNames = await looseScan(tx, tables, 'job_class', sql`true`, '', MAX_VALUES);
  if (classNames.more) return null;
  const matchingClasses = classNames.values.filter(has).map(({ value }) => value);
  const labels = (await sampleValues(tx, tables, sql`j.labels`))
    .filter(has)
    .map(({ value }) => value);
  return {
    key: JSON.stringify(['text', parts]),
    condition: anyOf([
      sql`j.job_class = ANY(${matchingClasses}::text[])`,
      containsSql(sql`j.error`, parts),
      ...jsonSpellings(parts).map((spelling) => containsSql(args, spelling)),
      ...(labels.length > 0 ? [sql`j.labels && ${labels}::text[]`] : []),
    ]),
    limit: MAX_COUNTED_ROWS,
    hasNewestLabelsOnly: true,
  };
}

/** A missing index that would speed up a search, and the SQL that creates it. */
export interface IndexHint {
  index: 'arguments_text' | 'error_text' | 'arguments_json';
  sql: string;
}
