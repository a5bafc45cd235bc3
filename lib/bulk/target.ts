import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { ConsoleError } from '../core/errors';
import type { Tx } from '../db/database';
import type { GoodJobTables } from '../good-job/tables';
import { isUnderstood, jobFilterParams, parseJobFilter } from '../jobs/filters';
import { RedactedMatch, redactedMatch } from '../jobs/recheck';
import { resolveFilter, withFailures } from '../jobs/resolve-filter';
import { TERM_PARAMS, ZONE_PARAM } from '../search/terms';
import { type BulkAction, type BulkTarget, jobActionOf } from './types';

/** Parameters that choose jobs. */
const FILTER = new Set<string>(['state', 'q', ZONE_PARAM, ...TERM_PARAMS]);
/** Parameters of a list's URL that choose a page or its looks: the page of a list sends them along, and they are dropped. */
const NOT_OF_THE_FILTER = new Set([
  'after_id',
  'after_at',
  'before_id',
  'before_at',
  'limit',
  'sort',
  'poll',
  'locale',
  'did',
  'outcome',
]);

/**
 * The filter of a bulk target, from the query of a list's URL. A list ignores what it does not know, as GoodJob does; an
 * act that did so would change more jobs than were meant. Throws ConsoleError `bad_request` for a parameter that no list
 * has, has no name or no value, comes twice, or is not valid percent-encoded UTF-8. An empty query means all jobs.
 */
export function targetParams(query: string): URLSearchParams {
  const seen = new Set<string>();
  const params = new URLSearchParams();
  for (const part of query === '' ? [] : query.split('&')) {
    const at = part.indexOf('=');
    const name = decode(at < 0 ? part : part.slice(0, at));
    const value = at < 0 ? '' : decode(part.slice(at + 1));
    if (seen.has(name)) throw new ConsoleError('bad_request');
    seen.add(name);
    if (NOT_OF_THE_FILTER.has(name)) continue;
    if (!FILTER.has(name) || value.trim() === '') throw new ConsoleError('bad_request');
    params.set(name, value);
  }
  return params;
}

/** As a form encodes it. */
function decode(text: string): string {
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    if (!/[\0\p{Surrogate}]/u.test(decoded)) return decoded;
  } catch {
    // falls through
  }
  throw new ConsoleError('bad_request');
}

/**
 * The target in words that mean the same from now on, whatever the run does to the jobs: without paging, and what may
 * be an id is one or is none. Throws ConsoleError `bad_request` while the filter has a part that could not be read: it
 * would act on other jobs than were meant.
 */
export async function settleTarget(
  tx: Tx,
  tables: GoodJobTables,
  target: BulkTarget,
): Promise<BulkTarget> {
  if (target.kind !== 'filter') return target;
  const filter = parseJobFilter(targetParams(target.query));
  if (!isUnderstood(filter)) throw new ConsoleError('bad_request');
  const settled = await resolveFilter(tx, tables, filter);
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
export async function targetJobs(
  tx: Tx,
  tables: GoodJobTables,
  target: BulkTarget,
): Promise<RedactedMatch> {
  switch (target.kind) {
    case 'ids':
      return RedactedMatch.all(tables, sql`j.id = ANY(${target.ids}::uuid[])`);
    case 'batch':
      return RedactedMatch.all(tables, sql`j.batch_id = ${target.batchId}`);
    case 'filter': {
      const filter = parseJobFilter(new URLSearchParams(target.query));
      if (!isUnderstood(filter)) throw new ConsoleError('bad_request');
      const match = redactedMatch(tables, {
        ...filter,
        terms: await withFailures(tx, tables, filter.terms, { anew: true }),
      });
      return match.map((condition) =>
        target.batchId
          ? sql`(j.batch_id = ${target.batchId} AND ${condition})`
          : sql`(${condition})`,
      );
    }
  }
}
