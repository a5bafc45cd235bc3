import sql, { type Sql, join, raw } from 'sql-template-tag';
import { ProcessCache } from '../core/process-cache';
import type { Tx } from '../db/database';
import { type GoodJobTables, quoteIdentifier } from '../good-job/tables';
import {
  contains,
  containsAny,
  escapeLike,
  includesParts,
  literal,
  spellings,
  wildcard,
} from './conditions';
import type { IndexTerm } from './index-hints';
import type { Term, TextTerm } from './terms';
import { VALUES, looseScan, sample } from './value-samples';

/*
 * Indexes that no GoodJob brings and that a team may build for searching: trigrams (pg_trgm) of the error and of the
 * arguments as text, and a jsonb index of the arguments.
 */

export interface TextIndexes {
  /** The expressions (alias `j`) that have a trigram index. */
  error: Sql | null;
  arguments: Sql | null;
  /** The jsonb expression that has a GIN index, and whether it is the whole payload or its arguments. */
  json: { expression: Sql; of: 'payload' | 'arguments' } | null;
  /** Whether trigrams are (would be) made of other letters than ASCII's; under LC_CTYPE=C they are not. */
  anyLetters: boolean;
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

/** What an operator runs to have the index. */
export function indexHint(tables: GoodJobTables, index: OptionalIndex): IndexHint {
  const create = `CREATE INDEX CONCURRENTLY ${NAMES[index]} ON ${quoteIdentifier(tables.schema.name)}.good_jobs USING gin (${EXPRESSIONS[index]});`;
  return {
    index,
    sql: index === 'arguments_json' ? create : `CREATE EXTENSION IF NOT EXISTS pg_trgm;\n${create}`,
  };
}

interface IndexRow {
  method: string;
  operators: string;
  /** The extension's schema. */
  schema: string;
  expression: string;
}

interface Catalogue {
  rows: IndexRow[];
  anyLetters: boolean;
}

const TTL_MS = 60_000;
const catalogues = new ProcessCache<Catalogue>('text indexes', { ttlMs: TTL_MS, maxEntries: 20 });

async function readCatalogue(tx: Tx, tables: GoodJobTables): Promise<Catalogue> {
  const rows = await tx.query<IndexRow>(sql`
    SELECT m.amname AS method, o.opcname AS operators, s.nspname AS schema, replace(pg_get_indexdef(i.indexrelid, 1, false), ' ', '') AS expression
      FROM pg_catalog.pg_index i
      JOIN pg_catalog.pg_class c ON c.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = x.relam
      JOIN pg_catalog.pg_opclass o ON o.oid = i.indclass[0] JOIN pg_catalog.pg_namespace s ON s.oid = o.opcnamespace
     WHERE n.nspname = ${tables.schema.name} AND c.relname = 'good_jobs' AND i.indisvalid AND i.indpred IS NULL AND i.indnatts = 1 AND m.amname IN ('gin', 'gist')`);
  return {
    rows,
    anyLetters: await hasTrigramsOfAnyLetters(tx, rows.filter(isTrigramIndex)[0]?.schema),
  };
}

const isTrigramIndex = ({ operators }: IndexRow) => /^gi(n|st)_trgm_ops$/.test(operators);

/** Which of them there are, read once a minute. */
export async function textIndexes(tx: Tx, tables: GoodJobTables): Promise<TextIndexes> {
  const { identity } = tables.schema;
  const cached = catalogues.peek(identity, '');
  const { rows, anyLetters } = cached ?? (await readCatalogue(tx, tables));
  if (!cached) catalogues.set(identity, '', { rows, anyLetters });
  const plain = (text: string) => text.replaceAll(/::text|[()]/g, '');
  const trigrams = rows.filter(isTrigramIndex);
  const json = rows.filter(
    ({ method, operators }) => method === 'gin' && /^jsonb_(path_)?ops$/.test(operators),
  );
  const has = (list: IndexRow[], expression: string) =>
    list.some((row) => plain(row.expression) === expression);
  const payload = sql`j.serialized_params`;
  const args = sql`(j.serialized_params -> 'arguments')`;
  return {
    error: has(trigrams, 'error') ? sql`j.error` : null,
    arguments: has(trigrams, `serialized_params->'arguments'`)
      ? sql`${args}::text`
      : has(trigrams, 'serialized_params')
        ? sql`${payload}::text`
        : null,
    json: has(json, `serialized_params->'arguments'`)
      ? { expression: args, of: 'arguments' }
      : has(json, 'serialized_params')
        ? { expression: payload, of: 'payload' }
        : null,
    anyLetters,
  };
}

/** Asked of the extension or, where it is not there, guessed from the database's LC_CTYPE. */
async function hasTrigramsOfAnyLetters(tx: Tx, schema: string | undefined): Promise<boolean> {
  const some =
    schema === undefined
      ? sql`datctype NOT IN ('C', 'POSIX')`
      : sql`cardinality(${raw(quoteIdentifier(schema))}.show_trgm('請求書')) > 0`;
  const [row] = await tx.query<{ some: boolean }>(
    sql`SELECT ${some} AS some FROM pg_catalog.pg_database WHERE datname = current_database()`,
  );
  return row?.some === true;
}

/** Whether a trigram index can answer for a substring: three letters or digits in a row, of an alphabet that it knows. */
export function suitsTrigrams(
  { anyLetters }: Pick<TextIndexes, 'anyLetters'>,
  text: string,
): boolean {
  return anyLetters ? /[\p{L}\p{N}]{3}/u.test(text) : /[A-Za-z0-9]{3}/.test(text);
}

/** All payloads in which the value may be at that path, and perhaps others: what a jsonb index looks up. Null: too many shapes. */
export function containing(
  { expression, of }: NonNullable<TextIndexes['json']>,
  path: string[],
  values: string[],
): Sql | null {
  // jsonb prints a number without an exponent, and one that is too large for it would be an error.
  const literals = values.flatMap((value) => [
    JSON.stringify(value),
    ...(/^(-?(0|[1-9]\d*)(\.\d+)?|true|false|null)$/.test(value) ? [value] : []),
    `{"_aj_globalid": ${JSON.stringify(value)}}`,
    `{"value": ${JSON.stringify(value)}}`,
  ]);
  // A number in the path is a place in an array or, within an argument, the key of an object.
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

/** A row that GIN has found is looked at, and its text read once more. */
const COUNTED_ROWS = 3_000;

export interface TextIndexTerms {
  terms: (IndexTerm & { labelsOfNewest?: boolean })[];
  /** The first index that is not there and would help. */
  hint: IndexHint | null;
}

/** The terms that an index answers which GoodJob does not bring but this database has; `exact`: none that leaves labels out. */
export async function textIndexTerms(
  tx: Tx,
  tables: GoodJobTables,
  filter: readonly Term[],
  exact: boolean,
): Promise<TextIndexTerms> {
  const found: TextIndexTerms = { terms: [], hint: null };
  const slow = filter.filter(
    (term) =>
      !term.negated &&
      (term.kind === 'text' ||
        term.kind === 'argument' ||
        (term.kind === 'match' && term.field === 'error')),
  );
  if (slow.length === 0) return found;
  const indexes = await textIndexes(tx, tables);
  const missing = (index: IndexHint['index']) => (found.hint ??= indexHint(tables, index));
  for (const term of slow) {
    if (term.kind === 'argument') {
      const condition = indexes.json && containing(indexes.json, term.path, term.values);
      if (condition)
        found.terms.push({
          key: JSON.stringify(['args', term.path, term.values]),
          condition,
          limit: COUNTED_ROWS,
        });
      else if (!indexes.json) missing('arguments_json');
    } else if (term.kind === 'match') {
      if (!term.values.every((value) => suitsTrigrams(indexes, value.replaceAll('*', ' '))))
        continue;
      const patterns = term.values.map(
        (value) => wildcard(value) ?? `%${escapeLike(literal(value))}%`,
      );
      if (indexes.error)
        found.terms.push({
          key: JSON.stringify(['error', term.values]),
          condition: join(
            patterns.map((pattern) => sql`j.error ILIKE ${pattern}`),
            ' OR ',
            '(',
            ')',
          ),
          limit: COUNTED_ROWS,
        });
      else missing('error_text');
    } else if (term.kind === 'text' && suitsTrigrams(indexes, term.parts.join(' '))) {
      if (indexes.arguments && indexes.error) {
        const condition = exact ? null : await byTrigrams(tx, tables, term, indexes.arguments);
        if (condition) found.terms.push(condition);
      } else missing(indexes.arguments ? 'error_text' : 'arguments_text');
    }
  }
  return found;
}

/**
 * A text in the arguments or the error by their indexes, in a class by its name, of which there are few, and in the
 * labels that the newest jobs have: no index finds a part of a label. Null: nobody knows all classes.
 */
async function byTrigrams(
  tx: Tx,
  tables: GoodJobTables,
  { parts }: TextTerm,
  args: TextIndexes['arguments'] & Sql,
): Promise<(IndexTerm & { labelsOfNewest: boolean }) | null> {
  if (
    tables.schema.missingMigrations.some(
      ({ migration }) => migration === 'add_index_good_jobs_job_class',
    )
  )
    return null;
  const has = ({ value }: { value: string }) => includesParts(value, parts);
  const known = await looseScan(tx, tables, 'job_class', sql`true`, '', VALUES);
  if (known.more) return null;
  const classes = sql`j.job_class = ANY(${known.values.filter(has).map(({ value }) => value)}::text[])`;
  const labels = (await sample(tx, tables, sql`j.labels`)).filter(has).map(({ value }) => value);
  return {
    key: JSON.stringify(['text', parts]),
    condition: containsAny([
      classes,
      contains(sql`j.error`, parts),
      ...spellings(parts).map((spelling) => contains(args, spelling)),
      ...(labels.length > 0 ? [sql`j.labels && ${labels}::text[]`] : []),
    ]),
    limit: COUNTED_ROWS,
    labelsOfNewest: true,
  };
}

/** An index that the database could have for a search, as an operator creates it. */
export interface IndexHint {
  index: 'arguments_text' | 'error_text' | 'arguments_json';
  sql: string;
}
