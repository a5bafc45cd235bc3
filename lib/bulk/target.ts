import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { ConsoleError } from '../errors';
import type { GoodJob } from '../good-job/tables';
import { conditions } from '../jobs/conditions';
import { parseJobFilter } from '../jobs/filters';
import { type BulkAction, type BulkTarget, jobActionOf } from './types';

/** Parameters of a list's URL that choose a page or its looks, not its jobs. */
const NOT_OF_THE_FILTER = ['after_id', 'after_at', 'before_id', 'before_at', 'limit', 'poll', 'locale', 'did', 'outcome'];

/** The filter of a list without its paging. What is left stays as it was typed: reading it again finds the same jobs. */
export function filterQuery(query: string): string {
  const params = new URLSearchParams(query);
  for (const name of NOT_OF_THE_FILTER) params.delete(name);
  return params.toString();
}

/** In which states the action finds its jobs; written as the schema's partial indexes have it. */
export function isActionable(action: BulkAction): Sql {
  switch (jobActionOf(action)) {
    case 'retry':
      return sql`(j.finished_at IS NOT NULL AND j.error IS NOT NULL)`;
    case 'destroy':
      return sql`j.finished_at IS NOT NULL`;
    case 'discard':
    case 'reschedule':
      return sql`j.finished_at IS NULL`;
  }
}

/** Whether every part of the filter could be read. */
export function isUnderstood(target: BulkTarget): boolean {
  return target.kind !== 'filter' || parseJobFilter(new URLSearchParams(target.query)).notUnderstood.length === 0;
}

/**
 * The jobs of a target, whatever their state, as a condition on the alias `j`. Throws ConsoleError `bad_request`
 * while the filter has a part that could not be read: it would act on other jobs than were meant.
 */
export function targetCondition(gj: GoodJob, target: BulkTarget): Sql {
  switch (target.kind) {
    case 'ids':
      return sql`j.id = ANY(${target.ids}::uuid[])`;
    case 'batch':
      return sql`j.batch_id = ${target.batchId}`;
    case 'filter': {
      if (!isUnderstood(target)) throw new ConsoleError('bad_request');
      const matches = conditions(gj, parseJobFilter(new URLSearchParams(target.query)));
      return target.batchId ? sql`j.batch_id = ${target.batchId} AND ${matches}` : matches;
    }
  }
}
