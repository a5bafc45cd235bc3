import type { Page } from '../core/urls';
import { type JobState, isJobState } from '../good-job/types';
import { parseField } from '../search/parser';
import {
  COMMA,
  FIELDS,
  FINISHED_SINCE_SECONDS,
  type Field,
  MINUS,
  parseValues,
  quoteValue,
  tokenize,
} from '../search/terms';
import { type Count, type JobCounts, type JobPage, type JobRow, buildStateCounts } from './types';

const PARAMS = { class: 'job_class', queue: 'queue_name' } as const;

/** Whether a name has no visible text, and so cannot be a link. */
export const isBlankName = (name: string | null): boolean => name === null || name.trim() === '';

/**
 * Returns the query parameters of a list of jobs by class and queue, with an additional `q`.
 * GoodJob's own parameters match every job for a blank or null name, so such a name becomes a term
 * of `q`. An absent name adds no condition.
 */
export function nameParams(
  names: { class?: string | null; queue?: string | null },
  q = '',
): Record<string, string> {
  const params: Record<string, string> = {};
  const terms: string[] = [];
  for (const field of ['class', 'queue'] as const) {
    const name = names[field];
    if (name === undefined) continue;
    if (name === null) terms.push(`-${field}:*`);
    else if (isBlankName(name)) terms.push(`${field}:${quoteValue(name)}`);
    else params[PARAMS[field]] = name;
  }
  const query = [...terms, q].filter(Boolean).join(' ');
  return { ...params, ...(query ? { q: query } : {}) };
}

/** The list of the jobs with a concurrency key. */
export const keyHref = (key: string): string =>
  `/jobs?${new URLSearchParams({ q: `key:${quoteValue(key)}` })}`;

/** Values longer than this are not searched from the page of a job. */
const MAX_SEARCHED_CHARS = 200;
/** A time that the page prints differently from how Active Job stores it. */
const PRINTED_TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/;

/** The path of an argument in `q`, such as `args.1.to`. */
export const argumentPath = (path: readonly string[]): string =>
  [
    'args',
    ...path.map((part) => (/^[\p{L}\p{Nd}_-]+$/u.test(part) ? part : quoteAlways(part))),
  ].join('.');

const quoteAlways = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;

/** The list of the jobs with the same value of an argument; null if `q` cannot search for it. */
export function argumentHref(path: readonly string[], value: string): string | null {
  if (value.length > MAX_SEARCHED_CHARS || PRINTED_TIME.test(value)) return null;
  const q = `${argumentPath(path)}:${quoteValue(value)}`;
  return `/jobs?${new URLSearchParams({ q })}`;
}

/** A condition of a filter, for display. `text` is the user's input. */
export type FilterPart =
  | { kind: 'field'; field: Field | 'args' | 'text'; isNegated: boolean; text: string }
  | { kind: 'states'; states: string[]; isNegated: boolean }
  /** A failure group since a time (ISO 8601). */
  | { kind: 'failure'; fingerprint: string; since: string }
  /** An unknown parameter. */
  | { kind: 'other'; name: string; text: string };

const FIELD_OF: Record<string, Field | 'text'> = {
  job_class: 'class',
  queue_name: 'queue',
  label: 'label',
  cron_key: 'cron',
  process_id: 'process',
  query: 'text',
};
const HOUR_SECONDS = 3_600;

/** Returns the conditions of a filter that is stored as a URL query. */
export function filterParts(query: string): FilterPart[] {
  return [...new URLSearchParams(query)].flatMap(([name, value]): FilterPart[] => {
    if (value.trim() === '') return [];
    if (name === 'q') return tokenize(value).map(({ text }) => partOf(text));
    if (name === 'state') return [{ kind: 'states', states: [value], isNegated: false }];
    const seconds = Object.hasOwn(FINISHED_SINCE_SECONDS, value)
      ? FINISHED_SINCE_SECONDS[value]
      : undefined;
    if (name === 'finished_since' && seconds !== undefined)
      return [field('finished', `>=${seconds / HOUR_SECONDS}h`)];
    const fieldName = Object.hasOwn(FIELD_OF, name) ? FIELD_OF[name] : undefined;
    return [fieldName ? field(fieldName, value) : { kind: 'other', name, text: value }];
  });
}

const field = (name: Field | 'args' | 'text', text: string, isNegated = false): FilterPart => ({
  kind: 'field',
  field: name,
  isNegated,
  text,
});

function partOf(word: string): FilterPart {
  const isNegated = word.length > 1 && MINUS.test(word);
  const body = isNegated ? word.slice(1) : word;
  const parsed = parseField(body);
  const rest = body.slice(parsed?.valueAt ?? 0);
  const failure = /^([0-9a-f]{16})@((?:(?!\.\.).)+)/.exec(rest);
  if (parsed?.name === 'failure' && failure)
    return { kind: 'failure', fingerprint: failure[1] ?? '', since: failure[2] ?? '' };
  if (parsed?.name === 'args') return field('args', body.replace(/^args[.．]/i, ''), isNegated);
  const fieldName = FIELDS.find((name) => name === parsed?.name);
  if (!fieldName) return field('text', body, isNegated);
  const states = fieldName === 'state' ? parseValues(rest, COMMA).map(({ text }) => text) : [];
  return states.length > 0 && states.every(isJobState)
    ? { kind: 'states', states, isNegated }
    : field(fieldName, rest, isNegated);
}

/** A page of a list of jobs, and its tab. */
interface ListedPage {
  state: JobState | null;
  page: Page<JobRow> & Partial<JobPage>;
}

/**
 * Reconciles counts with the page, because they are read at different times. A list that fits on
 * the page is counted by its rows, and no count is lower than the rows that are listed.
 */
export function reconcileCounts(counts: JobCounts, { state, page }: ListedPage): JobCounts {
  const isComplete =
    !page.previous && !page.next && !page.partial && !page.unsearched && !page.hasNewestLabelsOnly;
  const listedRows = (of: JobState | null) =>
    page.rows.filter((row) => of === null || row.state === of).length;
  // A link to another page implies at least one more row, except after a partial search.
  const otherRows = (page.previous ? 1 : 0) + (page.next && !page.partial ? 1 : 0);
  const reconcile = (count: Count, of: JobState | null): Count => {
    if (isComplete) return { kind: 'exact', count: listedRows(of) };
    const rows = listedRows(of) + (of === state ? otherRows : 0);
    return rows > 0 && (count.kind === 'unknown' || count.count < rows)
      ? { kind: 'at_least', count: rows }
      : count;
  };
  const tabs = buildStateCounts((tab) =>
    state === null || state === tab ? reconcile(counts.tabs[tab], tab) : counts.tabs[tab],
  );
  const list = reconcile(counts.list, state);
  return { tabs, all: state === null ? list : countAllTabs(counts.all, tabs), list };
}

/**
 * Returns the sum of the tabs if all are exact; else the count of all jobs, which is at least their
 * sum.
 */
function countAllTabs(all: Count, tabs: Record<JobState, Count>): Count {
  const counts = Object.values(tabs);
  const sum = counts.reduce(
    (total, item) => total + (item.kind === 'exact' || item.kind === 'at_least' ? item.count : 0),
    0,
  );
  if (counts.every(({ kind }) => kind === 'exact')) return { kind: 'exact', count: sum };
  return all.kind !== 'unknown' && all.count >= sum ? all : { kind: 'at_least', count: sum };
}
