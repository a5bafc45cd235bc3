import sql, { type Sql, join, raw } from 'sql-template-tag';
import { type JobState, isInState, readyAt } from '../good-job/states';
import type { GoodJob } from '../good-job/tables';
import type { Term } from './query-language';

/** A term that holds (is not `not_understood`). */
export type Understood = Exclude<Term, { kind: 'not_understood' }>;

const any = (conditions: Sql[]) => sql`(${join(conditions, ' OR ')})`;
const escapeLike = (text: string) => text.replaceAll(/[\\%_]/g, '\\$&');

/** A value with `*` for any characters, as a LIKE pattern; null when it has none. `\*` is a star. */
function wildcard(value: string): string | null {
  let starred = false;
  const pattern = value.replaceAll(/\\([\\*])|\*|[\\%_]/g, (match, escaped: string | undefined) => {
    if (escaped) return escapeLike(escaped);
    if (match !== '*') return escapeLike(match);
    starred = true;
    return '%';
  });
  return starred ? pattern : null;
}
const literal = (value: string) => value.replaceAll(/\\([\\*])/g, '$1');

/** Equal, or LIKE where the value has a `*`. */
function matches(column: Sql, values: string[]): Sql {
  return any(values.map((value) => {
    const pattern = wildcard(value);
    return pattern === null ? sql`${column} = ${literal(value)}` : sql`${column} LIKE ${pattern}`;
  }));
}

/**
 * A term as a condition on the alias `j`. A negated one holds wherever the plain one does not, also where the
 * column is NULL.
 */
export function termCondition(gj: GoodJob, term: Understood): Sql {
  const plain = plainCondition(gj, term);
  return term.negated ? sql`(${plain}) IS NOT TRUE` : sql`(${plain})`;
}

function plainCondition(gj: GoodJob, term: Understood): Sql {
  switch (term.kind) {
    case 'text':
      return textCondition(term.text);
    case 'match':
      return matchCondition(term.field, term.values);
    case 'ids':
      return any(term.values.map((value) => idCondition(gj, term.field, value)));
    case 'number': {
      const column = term.field === 'priority' ? sql`j.priority` : sql`coalesce(j.executions_count, 0)`;
      return any(term.values.map((value) => sql`${column} ${raw(term.comparison)} ${value}`));
    }
    case 'time':
      return timeCondition(term);
    case 'argument':
      return any(term.values.map((value) => sql`j.serialized_params #>> ${['arguments', ...term.path]}::text[] = ${value}`));
  }
}

/** A substring, whatever its case, of class, arguments, error or a label. In JSON some characters are escaped. */
function textCondition(text: string): Sql {
  const pattern = `%${escapeLike(text)}%`;
  const inJson = `%${escapeLike(JSON.stringify(text).slice(1, -1))}%`;
  return sql`j.job_class ILIKE ${pattern} OR j.error ILIKE ${pattern} OR (j.serialized_params -> 'arguments')::text ILIKE ${inJson}
    OR EXISTS (SELECT 1 FROM unnest(j.labels) l WHERE l ILIKE ${pattern})`;
}

function matchCondition(field: Extract<Understood, { kind: 'match' }>['field'], values: string[]): Sql {
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
      return any(values.map((value) => sql`j.error ILIKE ${wildcard(value) ?? `%${escapeLike(literal(value))}%`}`));
    case 'label': {
      const plain = values.filter((value) => wildcard(value) === null).map(literal);
      const starred = values.filter((value) => wildcard(value) !== null);
      return any([
        ...(plain.length > 0 ? [sql`j.labels && ${plain}::text[]`] : []),
        ...(starred.length > 0 ? [sql`EXISTS (SELECT 1 FROM unnest(j.labels) l WHERE ${matches(sql`l`, starred)})`] : []),
      ]);
    }
  }
}

function idCondition(gj: GoodJob, field: Extract<Understood, { kind: 'ids' }>['field'], value: string): Sql {
  switch (field) {
    case 'id': {
      const digits = value.replaceAll('-', '');
      const bound = (fill: string) => digits.slice(0, 32).padEnd(32, fill);
      return sql`j.id BETWEEN ${bound('0')}::uuid AND ${bound('f')}::uuid`;
    }
    case 'batch':
      return sql`j.batch_id = ${value}`;
    case 'callback_batch':
      return sql`j.batch_callback_id = ${value}`;
    case 'process':
      return sql`j.locked_by_id = ${value} OR j.id IN (SELECT e.active_job_id FROM ${gj.executions} e WHERE e.process_id = ${value})`;
  }
}

function timeCondition({ field, comparison, time }: Extract<Understood, { kind: 'time' }>): Sql {
  const column = { created: sql`j.created_at`, scheduled: readyAt, performed: sql`j.performed_at`, finished: sql`j.finished_at` }[field];
  const instant = 'at' in time ? sql`${time.at}::timestamptz` : sql`now() - make_interval(secs => ${time.secondsAgo})`;
  return sql`${column} ${raw(comparison)} ${instant}`;
}
