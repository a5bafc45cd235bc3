import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { ConsoleError } from '../core/errors';
import type { Tx } from '../db/database';
import type { GoodJobTables } from '../good-job/tables';
import {
  isUnderstood,
  jobFilterParams,
  parseJobFilter,
  resolveFailures,
  resolveFilter,
} from '../jobs/filters';
import { RedactedMatch, redactedMatch } from '../jobs/recheck';
import { TERM_PARAMS, ZONE_PARAM } from '../search/terms';
import { type BulkAction, type BulkTarget, jobActionOf } from './types';

/** Parameters that select jobs. */
const FILTER_PARAMS = new Set<string>(['state', 'q', ZONE_PARAM, ...TERM_PARAMS]);
/** Parameters of a list's URL for paging and display, which are dropped. */
const DISPLAY_PARAMS = new Set([
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
 * The filter parameters in the query of a list's URL; an empty query means all jobs. A list ignores
 * unknown parameters like GoodJob, but an action that did so would change more jobs than intended.
 *
 * Throws ConsoleError `bad_request` for an unknown, empty, repeated or badly encoded parameter.
 */
export function targetParams(query: string): URLSearchParams {
  const names = new Set<string>();
  const params = new URLSearchParams();
  for (const part of query === '' ? [] : query.split('&')) {
    const separator = part.indexOf('=');
    const name = decode(separator < 0 ? part : part.slice(0, separator));
    const value = separator < 0 ? '' : decode(part.slice(separator + 1));
    if (names.has(name)) throw new ConsoleError('bad_request');
    names.add(name);
    if (DISPLAY_PARAMS.has(name)) continue;
    if (!FILTER_PARAMS.has(name) || value.trim() === '') throw new ConsoleError('bad_request');
    params.set(name, value);
  }
  return params;
}

/** Decodes application/x-www-form-urlencoded text. */
function decode(text: string): string {
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    if (!/[\0\p{Surrogate}]/u.test(decoded)) return decoded;
  } catch {
    // The error below covers invalid encoding, too.
  }
  throw new ConsoleError('bad_request');
}

/**
 * The target without paging and with its filter resolved, so that it keeps its meaning while the
 * run changes jobs. Throws ConsoleError `bad_request` if a part of the filter cannot be parsed.
 */
export async function resolveTarget(
  tx: Tx,
  tables: GoodJobTables,
  target: BulkTarget,
): Promise<BulkTarget> {
  if (target.kind !== 'filter') return target;
  const filter = parseJobFilter(targetParams(target.query));
  if (!isUnderstood(filter)) throw new ConsoleError('bad_request');
  const resolved = await resolveFilter(tx, tables, filter);
  return { ...target, query: String(new URLSearchParams(jobFilterParams(resolved.filter))) };
}

/** Whether the action applies to the state of the job `j`; written to match the partial indexes. */
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

/**
 * Whether every part of the filter can be parsed. Throws ConsoleError `bad_request` for unknown
 * parameters.
 */
export function isTargetUnderstood(target: BulkTarget): boolean {
  return target.kind !== 'filter' || isUnderstood(parseJobFilter(targetParams(target.query)));
}

/**
 * Matches the jobs of a resolved target in any state. A failure group is queried each time: its
 * bounds are in the filter, so it can only lose jobs. Throws ConsoleError `bad_request` if the
 * filter cannot be parsed.
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
        terms: await resolveFailures(tx, tables, filter.terms, { bypassCache: true }),
      });
      return match.map((condition) =>
        target.batchId
          ? sql`(j.batch_id = ${target.batchId} AND ${condition})`
          : sql`(${condition})`,
      );
    }
  }
}
