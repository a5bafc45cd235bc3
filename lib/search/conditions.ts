import sql, { type Sql, join, raw } from 'sql-template-tag';
import type { NotUnderstood } from '../core/urls';
import {
  type GoodJobTables,
  isInState,
  readyAt,
  runSeconds,
  waitSeconds,
} from '../good-job/tables';
import { type JobState, isJobState } from '../good-job/types';
import type {
  ArgumentTerm,
  DurationTerm,
  ExecutionTerm,
  IdsTerm,
  MatchTerm,
  NumberTerm,
  Term,
  TextTerm,
  TimeTerm,
  UnderstoodTerm,
} from './terms';

/** Escapes the characters that LIKE treats as wildcards. */
export const escapeLike = (text: string) => text.replaceAll(/[\\%_]/g, '\\$&');

/**
 * Returns a case-insensitive substring condition: the parts in order, with any characters between
 * them. Text without upper and lower case (digits, Japanese) uses LIKE, which is faster than ILIKE.
 */
export function containsSql(column: Sql, parts: readonly string[]): Sql {
  const pattern = `%${parts.map(escapeLike).join('%')}%`;
  const text = parts.join('');
  return text.toLowerCase() === text.toUpperCase()
    ? sql`${column} LIKE ${pattern}`
    : sql`${column} ILIKE ${pattern}`;
}

/**
 * The arguments as jsonb prints them: the expression that a text search reads and that its index is
 * built on.
 */
export const ARGUMENTS_TEXT = sql`(j.serialized_params -> 'arguments')::text`;

/**
 * Returns the parts as JSON escapes them inside a string, and unescaped, because pasted text may be
 * JSON itself.
 */
export function jsonSpellings(parts: readonly string[]): (readonly string[])[] {
  const escaped = parts.map((part) => JSON.stringify(part).slice(1, -1));
  return escaped.every((part, n) => part === parts[n]) ? [parts] : [escaped, parts];
}

/** The JavaScript equivalent of `containsSql`. */
export function includesParts(text: string, parts: readonly string[]): boolean {
  const lower = text.toLowerCase();
  let from = 0;
  for (const part of parts) {
    const at = lower.indexOf(part.toLowerCase(), from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return true;
}

/** Joins conditions with OR, in parentheses. */
export const anyOf = (conditions: Sql[]): Sql => join(conditions, ' OR ', '(', ')');

/**
 * Searches the labels joined by a character that is not in the text, which takes a fifth of the
 * time of `unnest`. A pattern with a wildcard could match across two labels, so it needs `unnest`.
 */
function labelsContain(parts: readonly string[]): Sql {
  const separator =
    parts.length === 1 ? ['\u0001', '\u0002'].find((char) => !parts[0]?.includes(char)) : undefined;
  return separator
    ? containsSql(sql`array_to_string(j.labels, ${separator})`, parts)
    : sql`EXISTS (SELECT 1 FROM unnest(j.labels) l WHERE ${containsSql(sql`l`, parts)})`;
}

/**
 * Returns a condition for a case-insensitive substring of class, error, arguments or a label,
 * cheapest first.
 */
function containsText(parts: readonly string[], argumentsText = ARGUMENTS_TEXT): Sql {
  return anyOf([
    containsSql(sql`j.job_class`, parts),
    containsSql(sql`j.error`, parts),
    ...jsonSpellings(parts).map((spelling) => containsSql(argumentsText, spelling)),
    labelsContain(parts),
  ]);
}

/**
 * Returns the LIKE pattern of a value with a `*` wildcard, or null for a value without one. `\*` is
 * a literal star.
 */
export function likePattern(value: string): string | null {
  let hasWildcard = false;
  const pattern = value.replaceAll(/\\([\\*])|\*|[\\%_]/g, (match, escaped: string | undefined) => {
    if (escaped) return escapeLike(escaped);
    if (match !== '*') return escapeLike(match);
    hasWildcard = true;
    return '%';
  });
  return hasWildcard ? pattern : null;
}

/** Removes the escapes of a value without a wildcard. */
export const unescapeValue = (value: string) => value.replaceAll(/\\([\\*])/g, '$1');

/**
 * Returns a term as a condition on the alias `j`. A negated term also matches where the column is
 * NULL; a term that could not be parsed matches nothing.
 */
export function termCondition(
  tables: GoodJobTables,
  term: Term,
  argumentsText: Sql = ARGUMENTS_TEXT,
): Sql {
  if (term.kind === 'not_understood') return sql`false`;
  const plain = plainCondition(tables, term, argumentsText);
  return term.negated ? sql`(${plain}) IS NOT TRUE` : sql`(${plain})`;
}

/** Returns a term as a condition on the alias `j`, ignoring its negation. */
export function plainCondition(
  tables: GoodJobTables,
  term: UnderstoodTerm,
  argumentsText: Sql = ARGUMENTS_TEXT,
): Sql {
  switch (term.kind) {
    case 'text':
      return term.id === null
        ? containsText(term.parts, argumentsText)
        : idOrText(tables, term, term.id);
    case 'match':
      return matchCondition(term);
    case 'ids':
      return anyOf(term.values.map((digits) => idCondition(tables, term.field, digits)));
    case 'number':
      return anyOf(term.ranges.map((range) => numberCondition(term.field, range)));
    case 'time':
      return join(
        term.bounds.map((bound) => timeCondition(term.field, bound)),
        ' AND ',
      );
    case 'execution':
      return executionCondition(tables, term);
    case 'duration':
      return durationCondition(term);
    case 'argument':
      return anyOf(term.values.map((value) => argumentCondition(term, value)));
    case 'failure':
      return sql`j.id = ANY(${term.ids}::uuid[])`;
  }
}

/** Whether a term reads texts of unbounded length or another table. */
export function isSlowTerm(term: Term): boolean {
  return (
    term.kind === 'text' ||
    term.kind === 'argument' ||
    term.kind === 'execution' ||
    (term.kind === 'match' && term.field === 'error')
  );
}

/** Returns a range condition for UUIDs that begin with these hex digits. */
export function idPrefixCondition(column: Sql, digits: string): Sql {
  if (digits.length === 32) return sql`${column} = ${digits}::uuid`;
  return sql`${column} BETWEEN ${digits.padEnd(32, '0')}::uuid AND ${digits.padEnd(32, 'f')}::uuid`;
}

/**
 * Matches jobs by the beginning of their id; `active_job_id` differs from `id` only in rows of
 * GoodJob 3.
 */
export const jobIdCondition = (digits: string): Sql =>
  anyOf([idPrefixCondition(sql`j.id`, digits), idPrefixCondition(sql`j.active_job_id`, digits)]);

/** Matches jobs by the beginning of their batch's id. */
export const batchIdCondition = (digits: string): Sql => idPrefixCondition(sql`j.batch_id`, digits);

/**
 * Tries the job's id, then the batch's id, then the text (see TextTerm). Postgres evaluates each
 * EXISTS once per query.
 */
function idOrText(tables: GoodJobTables, term: TextTerm, digits: string): Sql {
  const exists = (condition: Sql) =>
    sql`EXISTS (SELECT 1 FROM ${tables.jobs} j WHERE ${condition})`;
  return sql`CASE WHEN ${exists(jobIdCondition(digits))} THEN ${jobIdCondition(digits)}
    WHEN ${exists(batchIdCondition(digits))} THEN ${batchIdCondition(digits)}
    ELSE ${containsText(term.parts)} END`;
}

/** Uses LIKE for values with a wildcard and equality for the others. */
function matches(column: Sql, values: string[]): Sql {
  const plain = values.filter((value) => likePattern(value) === null).map(unescapeValue);
  const patterns = values.map(likePattern).filter((pattern) => pattern !== null);
  const conditions = patterns.map((pattern) => sql`${column} LIKE ${pattern}`);
  if (plain.length === 1) conditions.unshift(sql`${column} = ${plain[0]}`);
  else if (plain.length > 1) conditions.unshift(sql`${column} = ANY(${plain}::text[])`);
  return anyOf(conditions);
}

function matchCondition({ field, values, whole }: MatchTerm): Sql {
  switch (field) {
    case 'state':
      return anyOf(values.filter(isJobState).map((value) => sql`(${isInState(value)})`));
    case 'class':
      return matches(sql`j.job_class`, values);
    case 'queue':
      return matches(sql`j.queue_name`, values);
    case 'cron':
      return matches(sql`j.cron_key`, values);
    case 'error': // A substring search, because an error text is too long to type in full.
      if (whole) return matches(sql`j.error`, values);
      return anyOf(
        values.map((value) => {
          const pattern = likePattern(value);
          return pattern === null
            ? containsSql(sql`j.error`, [unescapeValue(value)])
            : sql`j.error ILIKE ${pattern}`;
        }),
      );
    case 'label': {
      const plain = values.filter((value) => likePattern(value) === null).map(unescapeValue);
      const patterns = values.filter((value) => likePattern(value) !== null);
      return anyOf([
        ...(plain.length > 0 ? [sql`j.labels && ${plain}::text[]`] : []),
        ...(patterns.length > 0
          ? [sql`EXISTS (SELECT 1 FROM unnest(j.labels) l WHERE ${matches(sql`l`, patterns)})`]
          : []),
      ]);
    }
  }
}

/** Returns the condition of an id field for the beginning of a UUID. */
export function idCondition(tables: GoodJobTables, field: IdsTerm['field'], digits: string): Sql {
  switch (field) {
    case 'id':
      return jobIdCondition(digits);
    case 'batch':
      return batchIdCondition(digits);
    case 'callback_batch':
      return idPrefixCondition(sql`j.batch_callback_id`, digits);
    case 'process': // The process holds the job or has run an attempt of it.
      return sql`${idPrefixCondition(sql`j.locked_by_id`, digits)} OR EXISTS (
        SELECT 1
          FROM ${tables.executions} e
         WHERE e.active_job_id = j.id AND ${idPrefixCondition(sql`e.process_id`, digits)})`;
  }
}

function numberCondition(
  field: NumberTerm['field'],
  { from, to }: NumberTerm['ranges'][number],
): Sql {
  const column = field === 'priority' ? sql`j.priority` : sql`coalesce(j.executions_count, 0)`;
  if (from !== null && from === to) return sql`${column} = ${from}`;
  const bounds = [
    ...(from === null ? [] : [sql`${column} >= ${from}`]),
    ...(to === null ? [] : [sql`${column} <= ${to}`]),
  ];
  return sql`(${join(bounds, ' AND ')})`;
}

/** Returns one bound of a time field as a condition. */
export function timeCondition(field: TimeTerm['field'], bound: TimeTerm['bounds'][number]): Sql {
  return compareTime(
    {
      created: sql`j.created_at`,
      scheduled: readyAt,
      performed: sql`j.performed_at`,
      finished: sql`j.finished_at`,
    }[field],
    bound,
  );
}

/** Uses index_good_job_executions_on_active_job_id_and_created_at. */
function executionCondition(tables: GoodJobTables, { field, bounds }: ExecutionTerm): Sql {
  const conditions = [
    ...bounds.map((bound) => compareTime(sql`e.created_at`, bound)),
    ...(field === 'attempt_failed' ? [sql`e.error IS NOT NULL`] : []),
  ];
  return sql`EXISTS (
    SELECT 1
      FROM ${tables.executions} e
     WHERE e.active_job_id = j.id AND ${join(conditions, ' AND ')})`;
}

/** No index answers it, but it reads only the times of the row. */
function durationCondition({ field, bounds }: DurationTerm): Sql {
  const duration = field === 'wait' ? waitSeconds : runSeconds;
  return join(
    bounds.map(({ comparison, seconds }) => sql`${duration} ${raw(comparison)} ${seconds}::float8`),
    ' AND ',
  );
}

/** Compares a column with a bound. Relative bounds count from the start of the transaction. */
export function compareTime(column: Sql, { comparison, time }: TimeTerm['bounds'][number]): Sql {
  const instant =
    'at' in time ? sql`${time.at}` : sql`now() - make_interval(secs => ${time.secondsAgo})`;
  return sql`${column} ${raw(comparison)} ${instant}`;
}

/**
 * Compares the value at a path as JSON prints it (a string without quotes), and also as Active Job
 * serializes GlobalIDs and custom types. A path that begins with a key is tried on each argument.
 */
function argumentCondition({ path }: ArgumentTerm, value: string): Sql {
  const equals = (member: Sql) => sql`CASE jsonb_typeof(${member})
    WHEN 'object' THEN ${member} ->> '_aj_globalid' = ${value}
      OR (${member} ? '_aj_serialized' AND ${member} ->> 'value' = ${value})
    WHEN 'array' THEN false
    WHEN 'null' THEN ${value === 'null'}::boolean
    ELSE ${member} #>> '{}' = ${value} END`;
  const [first = '', ...rest] = path;
  const args = sql`(j.serialized_params -> 'arguments')`;
  if (/^\d+$/.test(first)) return sql`(${equals(sql`(${args} #> ${path}::text[])`)})`;
  return sql`EXISTS (
    SELECT 1
      FROM jsonb_array_elements(
        CASE jsonb_typeof(${args}) WHEN 'array' THEN ${args} ELSE '[]'::jsonb END) a
     WHERE ${equals(sql`(a #> ${[first, ...rest]}::text[])`)})`;
}

/**
 * Returns a filter as a condition on the alias `j`: `true` for an empty filter, `false` for one
 * that could not be parsed.
 */
export function filterCondition(
  tables: GoodJobTables,
  {
    state,
    terms,
    notUnderstood = [],
  }: { state: JobState | null; terms: readonly Term[]; notUnderstood?: readonly NotUnderstood[] },
  conditionOf: (term: Term) => Sql = (term) => termCondition(tables, term),
): Sql {
  if (notUnderstood.length > 0) return sql`false`;
  const all = terms.map(conditionOf);
  if (state) all.push(sql`(${isInState(state)})`);
  return all.length > 0 ? join(all, ' AND ') : sql`true`;
}
