import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { ConsoleError } from '../errors';
import type { GoodJob } from '../good-job/tables';
import type { Tx } from '../db/types';
import { withFailures } from '../jobs/failure-terms';
import { RedactedMatch, redactedMatch } from '../jobs/recheck';
import { isUnderstood, jobFilterParams, parseJobFilter } from '../jobs/filters';
import { settle } from '../jobs/settle';
import { targetParams } from './target-params';
import { type BulkAction, type BulkTarget, jobActionOf } from './types';

/**
 * The target in words that mean the same from now on, whatever the run does to the jobs: without paging, and what may
 * be an id is one or is none. Throws ConsoleError `bad_request` while the filter has a part that could not be read: it
 * would act on other jobs than were meant.
 */
export async function settleTarget(tx: Tx, gj: GoodJob, target: BulkTarget): Promise<BulkTarget> {
  if (target.kind !== 'filter') return target;
  const filter = parseJobFilter(targetParams(target.query));
  if (!isUnderstood(filter)) throw new ConsoleError('bad_request');
  const settled = await settle(tx, gj, filter);
  return { ...target, query: String(new URLSearchParams(jobFilterParams(settled.filter))) };
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

/** Whether every part of the filter could be read. Throws ConsoleError `bad_request` for parameters that no filter has. */
export function isReadable(target: BulkTarget): boolean {
  return target.kind !== 'filter' || isUnderstood(parseJobFilter(targetParams(target.query)));
}

/**
 * The jobs of a settled target, whatever their state. A group of failures is looked up each time: its bounds are in the
 * filter, so later it can only have lost jobs, and those that were written since the cut-off are none of the run's.
 */
export async function targetJobs(tx: Tx, gj: GoodJob, target: BulkTarget): Promise<RedactedMatch> {
  switch (target.kind) {
    case 'ids':
      return RedactedMatch.all(gj, sql`j.id = ANY(${target.ids}::uuid[])`);
    case 'batch':
      return RedactedMatch.all(gj, sql`j.batch_id = ${target.batchId}`);
    case 'filter': {
      const filter = parseJobFilter(new URLSearchParams(target.query));
      if (!isUnderstood(filter)) throw new ConsoleError('bad_request');
      const match = redactedMatch(gj, {
        ...filter,
        terms: await withFailures(tx, gj, filter.terms, { anew: true }),
      });
      return match.map((condition) =>
        target.batchId
          ? sql`(j.batch_id = ${target.batchId} AND ${condition})`
          : sql`(${condition})`,
      );
    }
  }
}
