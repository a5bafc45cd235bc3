import sql, { type Sql, join } from 'sql-template-tag';
import { isInState } from '../good-job/states';
import type { GoodJob } from '../good-job/tables';
import type { JobFilter } from './filters';
import { termCondition } from './term-conditions';

/** A filter as a condition on the alias `j`; TRUE when it has none, FALSE when it is not understood. */
export function conditions(gj: GoodJob, { state, terms, notUnderstood = [] }: Pick<JobFilter, 'state' | 'terms'> & Partial<Pick<JobFilter, 'notUnderstood'>>): Sql {
  if (notUnderstood.length > 0) return sql`false`;
  const all = terms.map((term) => termCondition(gj, term));
  if (state) all.push(sql`(${isInState(state)})`);
  return all.length > 0 ? join(all, ' AND ') : sql`true`;
}
