import sql, { type Sql, join, raw } from 'sql-template-tag';
import type { NotUnderstood } from '../core/search-params';
import { type JobState, isInState, readyAt } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import type {
  ArgumentTerm,
  ExecutionTerm,
  IdsTerm,
  MatchTerm,
  NumberTerm,
  Term,
  TextTerm,
  TimeTerm,
  UnderstoodTerm,
} from './terms';

export const escapeLike = (text: string) => text.replaceAll(/[\\%_]/g, '\\$&');

/**
 * A substring, whatever its case: the parts in their order, with any characters between them. LIKE is the faster one
 * where no character has a case: digits, Japanese.
 */
export function contains(column: Sql, parts: readonly string[]): Sql {
  const pattern = `%${parts.map(escapeLike).join('%')}%`;
  const text = parts.join('');
  return text.toLowerCase() === text.toUpperCase()
    ? sql`${column} LIKE ${pattern}`
    : sql`${column} ILIKE ${pattern}`;
}

/** The arguments as jsonb prints them: what the text search looks at, and what an index for it is made on. */
export const ARGUMENTS_TEXT = sql`(j.serialized_params -> 'arguments')::text`;

/** A string of JSON is printed with some characters escaped; JSON itself may have been pasted. */
export function spellings(parts: readonly string[]): (readonly string[])[] {
  const escaped = parts.map((part) => JSON.stringify(part).slice(1, -1));
  return escaped.every((part, n) => part === parts[n]) ? [parts] : [escaped, parts];
}

/** `contains` for a text that is here and not in the database. */
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

export const containsAny = (conditions: Sql[]): Sql => join(conditions, ' OR ', '(', ')');

/**
 * Joined by a character that the text has not: a fifth of the time that looking at each label takes. A wildcard would
 * reach from one label into the next.
 */
function inLabels(parts: readonly string[]): Sql {
  const between =
    parts.length === 1 ? ['\u0001', '\u0002'].find((char) => !parts[0]?.includes(char)) : undefined;
  return between
    ? contains(sql`array_to_string(j.labels, ${between})`, parts)
    : sql`EXISTS (SELECT 1 FROM unnest(j.labels) l WHERE ${contains(sql`l`, parts)})`;
}

/** A substring, whatever its case, of class, arguments, error or a label. The cheap ones first. */
export function containsText(parts: readonly string[], argumentsText = ARGUMENTS_TEXT): Sql {
  return containsAny([
    contains(sql`j.job_class`, parts),
    contains(sql`j.error`, parts),
    ...spellings(parts).map((spelling) => contains(argumentsText, spelling)),
    inLabels(parts),
  ]);
}

const any = (conditions: Sql[]) => sql`(${join(conditions, ' OR ')})`;

/** A value with `*` for any characters, as a LIKE pattern; null when it has none. `\*` is a star. */
export function wildcard(value: string): string | null {
  let starred = false;
  const pattern = value.replaceAll(/\\([\\*])|\*|[\\%_]/g, (match, escaped: string | undefined) => {
    if (escaped) return escapeLike(escaped);
    if (match !== '*') return escapeLike(match);
    starred = true;
    return '%';
  });
  return starred ? pattern : null;
}

/** A value without `*`, as it is stored. */
export const literal = (value: string) => value.replaceAll(/\\([\\*])/g, '$1');

/**
 * A term as a condition on the alias `j`. A negated one holds wherever the plain one does not, also where the
 * column is NULL; one that is not understood never.
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

/** The same without its negation. */
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
      return any(term.values.map((digits) => idCondition(tables, term.field, digits)));
    case 'number':
      return any(term.ranges.map((range) => numberCondition(term.field, range)));
    case 'time':
      return join(
        term.bounds.map((bound) => timeCondition(term.field, bound)),
        ' AND ',
      );
    case 'execution':
      return executionCondition(tables, term);
    case 'argument':
      return any(term.values.map((value) => argumentCondition(term, value)));
    case 'failure':
      return sql`j.id = ANY(${term.ids}::uuid[])`;
  }
}

/** Whether a term has to read texts of any length, or another table. */
export function isSlow(term: Term): boolean {
  return (
    term.kind === 'text' ||
    term.kind === 'argument' ||
    term.kind === 'execution' ||
    (term.kind === 'match' && term.field === 'error')
  );
}

/** Between the first and the last id that begins with these digits. */
export function inIds(column: Sql, digits: string): Sql {
  if (digits.length === 32) return sql`${column} = ${digits}::uuid`;
  return sql`${column} BETWEEN ${digits.padEnd(32, '0')}::uuid AND ${digits.padEnd(32, 'f')}::uuid`;
}

/** The jobs that a text names when it may be an id (`active_job_id` differs from `id` only in rows of GoodJob 3). */
export const namedById = (digits: string): Sql =>
  sql`(${inIds(sql`j.id`, digits)} OR ${inIds(sql`j.active_job_id`, digits)})`;
export const namedByBatch = (digits: string): Sql => inIds(sql`j.batch_id`, digits);

/** First who has the id, then the members of the batch, then the text; see TextTerm. Each EXISTS is asked once a query. */
function idOrText(tables: GoodJobTables, term: TextTerm, digits: string): Sql {
  const named = (condition: Sql) => sql`EXISTS (SELECT 1 FROM ${tables.jobs} j WHERE ${condition})`;
  return sql`CASE WHEN ${named(namedById(digits))} THEN ${namedById(digits)}
    WHEN ${named(namedByBatch(digits))} THEN ${namedByBatch(digits)} ELSE ${containsText(term.parts)} END`;
}

/** Equal, or LIKE where the value has a `*`. */
function matches(column: Sql, values: string[]): Sql {
  const plain = values.filter((value) => wildcard(value) === null).map(literal);
  const patterns = values.map(wildcard).filter((pattern) => pattern !== null);
  return any([
    ...(plain.length === 1
      ? [sql`${column} = ${plain[0]}`]
      : plain.length > 0
        ? [sql`${column} = ANY(${plain}::text[])`]
        : []),
    ...patterns.map((pattern) => sql`${column} LIKE ${pattern}`),
  ]);
}

function matchCondition({ field, values, whole }: MatchTerm): Sql {
  switch (field) {
    case 'state':
      return any(values.map((value) => sql`(${isInState(value as JobState)})`));
    case 'class':
      return matches(sql`j.job_class`, values);
    case 'queue':
      return matches(sql`j.queue_name`, values);
    case 'cron':
      return matches(sql`j.cron_key`, values);
    case 'error': // An error text is a class and a message: nobody types all of it.
      if (whole) return matches(sql`j.error`, values);
      return any(
        values.map((value) => {
          const pattern = wildcard(value);
          return pattern === null
            ? contains(sql`j.error`, [literal(value)])
            : sql`j.error ILIKE ${pattern}`;
        }),
      );
    case 'label': {
      const plain = values.filter((value) => wildcard(value) === null).map(literal);
      const starred = values.filter((value) => wildcard(value) !== null);
      return any([
        ...(plain.length > 0 ? [sql`j.labels && ${plain}::text[]`] : []),
        ...(starred.length > 0
          ? [sql`EXISTS (SELECT 1 FROM unnest(j.labels) l WHERE ${matches(sql`l`, starred)})`]
          : []),
      ]);
    }
  }
}

export function idCondition(tables: GoodJobTables, field: IdsTerm['field'], digits: string): Sql {
  switch (field) {
    case 'id':
      return namedById(digits);
    case 'batch':
      return namedByBatch(digits);
    case 'callback_batch':
      return inIds(sql`j.batch_callback_id`, digits);
    case 'process': // holds it, or has run an attempt of it
      return sql`${inIds(sql`j.locked_by_id`, digits)} OR EXISTS (SELECT 1 FROM ${tables.executions} e WHERE e.active_job_id = j.id AND ${inIds(sql`e.process_id`, digits)})`;
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

/** By index_good_job_executions_on_active_job_id_and_created_at. */
function executionCondition(tables: GoodJobTables, { field, bounds }: ExecutionTerm): Sql {
  const holds = [
    ...bounds.map((bound) => compareTime(sql`e.created_at`, bound)),
    ...(field === 'attempt_failed' ? [sql`e.error IS NOT NULL`] : []),
  ];
  return sql`EXISTS (SELECT 1 FROM ${tables.executions} e WHERE e.active_job_id = j.id AND ${join(holds, ' AND ')})`;
}

/** `created_at > …`; the transaction's start is now. */
export function compareTime(column: Sql, { comparison, time }: TimeTerm['bounds'][number]): Sql {
  const instant =
    'at' in time ? sql`${time.at}` : sql`now() - make_interval(secs => ${time.secondsAgo})`;
  return sql`${column} ${raw(comparison)} ${instant}`;
}

/**
 * The value at a path, as JSON prints it (a string without its quotes): as it is, or as Active Job writes a GlobalID
 * and the values it has serializers for. A path that begins with a key is tried on each argument.
 */
function argumentCondition({ path }: ArgumentTerm, value: string): Sql {
  const is = (found: Sql) => sql`CASE jsonb_typeof(${found})
    WHEN 'object' THEN ${found} ->> '_aj_globalid' = ${value} OR (${found} ? '_aj_serialized' AND ${found} ->> 'value' = ${value})
    WHEN 'array' THEN false WHEN 'null' THEN ${value === 'null'}::boolean ELSE ${found} #>> '{}' = ${value} END`;
  const [first = '', ...rest] = path;
  const args = sql`(j.serialized_params -> 'arguments')`;
  if (/^\d+$/.test(first)) return sql`(${is(sql`(${args} #> ${path}::text[])`)})`;
  return sql`EXISTS (SELECT 1 FROM jsonb_array_elements(CASE jsonb_typeof(${args}) WHEN 'array' THEN ${args} ELSE '[]'::jsonb END) a WHERE ${is(sql`(a #> ${[first, ...rest]}::text[])`)})`;
}

/** A filter as a condition on the alias `j`; TRUE when it has none, FALSE when it is not understood. */
export function allOf(
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
