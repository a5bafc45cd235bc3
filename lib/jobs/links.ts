import type { Page } from '../core/search-params';
import { JOB_STATES, type JobState, isJobState } from '../good-job/states';
import { fieldOf } from '../search/parser';
import { FIELDS, FINISHED_SINCE, type Field } from '../search/terms';
import { COMMA, MINUS, quoteValue, tokens, values } from '../search/tokens';
import type { Count, JobCounts, JobPage, JobRow } from './types';

const PARAMS = { class: 'job_class', queue: 'queue_name' } as const;

/** Whether a name has nothing to read or to click on. */
export const isBlankName = (name: string | null): boolean => name === null || name.trim() === '';

/**
 * The query parameters of the list of jobs of these classes and queues, with `q` beside them. GoodJob's own parameters
 * mean every job where a name is blank or null, so `q` has the condition then. An absent name is no condition.
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

/** A condition of a filter for a reader. `text` is as it was typed. */
export type FilterPart =
  | { kind: 'field'; field: Field | 'args' | 'text'; isNegated: boolean; text: string }
  | { kind: 'states'; states: string[]; isNegated: boolean }
  /** A group of failures since a time. */
  | { kind: 'failure'; fingerprint: string; since: string }
  /** A parameter that this console does not know. */
  | { kind: 'other'; name: string; text: string };

const FIELD_OF: Record<string, Field | 'text'> = {
  job_class: 'class',
  queue_name: 'queue',
  label: 'label',
  cron_key: 'cron',
  process_id: 'process',
  query: 'text',
};
const HOUR = 3_600;

/** The conditions of a filter that is stored as the query of a URL. */
export function filterParts(query: string): FilterPart[] {
  return [...new URLSearchParams(query)].flatMap(([name, value]): FilterPart[] => {
    if (value.trim() === '') return [];
    if (name === 'q') return tokens(value).map(({ text }) => partOf(text));
    if (name === 'state') return [{ kind: 'states', states: [value], isNegated: false }];
    const seconds = Object.hasOwn(FINISHED_SINCE, value) ? FINISHED_SINCE[value] : undefined;
    if (name === 'finished_since' && seconds !== undefined)
      return [field('finished', `>=${seconds / HOUR}h`)];
    const known = Object.hasOwn(FIELD_OF, name) ? FIELD_OF[name] : undefined;
    return [known ? field(known, value) : { kind: 'other', name, text: value }];
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
  const named = fieldOf(body);
  const rest = body.slice(named?.valueAt ?? 0);
  const failure = /^([0-9a-f]{16})@((?:(?!\.\.).)+)/.exec(rest);
  if (named?.name === 'failure' && failure)
    return { kind: 'failure', fingerprint: failure[1] ?? '', since: failure[2] ?? '' };
  if (named?.name === 'args') return field('args', body.replace(/^args[.．]/i, ''), isNegated);
  const known = FIELDS.find((one) => one === named?.name);
  if (!known) return field('text', body, isNegated);
  const states = known === 'state' ? values(rest, COMMA).map(({ text }) => text) : [];
  return states.length > 0 && states.every(isJobState)
    ? { kind: 'states', states, isNegated }
    : field(known, rest, isNegated);
}

/** A page of a list of jobs, and the tab that it is of. */
export interface ListedPage {
  state: JobState | null;
  page: Page<JobRow> & Partial<JobPage>;
}

/**
 * The counts with what the page itself says: a list that fits the page is counted by it, and no count is below the rows
 * that are listed. Counts and page are read at different moments.
 */
export function countsWithPage(counts: JobCounts, { state, page }: ListedPage): JobCounts {
  const isComplete =
    !page.previous && !page.next && !page.searched && !page.unsearched && !page.labelsOfNewest;
  const listed = (of: JobState | null) =>
    page.rows.filter((row) => of === null || row.state === of).length;
  // Beyond the page there is at least one more row in each direction that has a link; a search may end without one.
  const beyond = (page.previous ? 1 : 0) + (page.next && !page.searched ? 1 : 0);
  const reconciled = (count: Count, of: JobState | null): Count => {
    if (isComplete) return { kind: 'exact', count: listed(of) };
    const rows = listed(of) + (of === state ? beyond : 0);
    return rows > 0 && (count.kind === 'unknown' || count.count < rows)
      ? { kind: 'at_least', count: rows }
      : count;
  };
  const tabs = Object.fromEntries(
    JOB_STATES.map((one) => [
      one,
      state === null || state === one ? reconciled(counts.tabs[one], one) : counts.tabs[one],
    ]),
  ) as Record<JobState, Count>;
  const list = reconciled(counts.list, state);
  return { tabs, all: state === null ? list : withTabs(counts.all, tabs), list };
}

/** The count of all states, from those of the states where these are exact, and never below them. */
function withTabs(all: Count, tabs: Record<JobState, Count>): Count {
  const counts = Object.values(tabs);
  const sum = counts.reduce(
    (total, one) => total + (one.kind === 'exact' || one.kind === 'at_least' ? one.count : 0),
    0,
  );
  if (counts.every(({ kind }) => kind === 'exact')) return { kind: 'exact', count: sum };
  return all.kind !== 'unknown' && all.count >= sum ? all : { kind: 'at_least', count: sum };
}
