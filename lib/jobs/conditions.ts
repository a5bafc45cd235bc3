import sql, { type Sql, join } from 'sql-template-tag';
import { isInState } from '../good-job/states';
import type { GoodJob } from '../good-job/tables';
import type { JobFilter } from './filters';
import { termCondition } from './term-conditions';
import type { Term } from './terms';

/** A filter as a condition on the alias `j`; TRUE when it has none, FALSE when it is not understood. */
export function allOf(
  gj: GoodJob,
  {
    state,
    terms,
    notUnderstood = [],
  }: Pick<JobFilter, 'state' | 'terms'> & Partial<Pick<JobFilter, 'notUnderstood'>>,
  conditionOf: (term: Term) => Sql = (term) => termCondition(gj, term),
): Sql {
  if (notUnderstood.length > 0) return sql`false`;
  const all = terms.map(conditionOf);
  if (state) all.push(sql`(${isInState(state)})`);
  return all.length > 0 ? join(all, ' AND ') : sql`true`;
}
