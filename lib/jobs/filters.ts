import { isTimeZone } from '../core/locale';
import {
  type Cursor,
  type NotUnderstood,
  PAGE_SIZE,
  type Params,
  cursorParams,
  parseCursor,
  parseLimit,
} from '../core/search-params';
import { cut, isFilterText, isRowTime } from '../core/text';
import { JOB_STATES, type JobState, isJobState } from '../good-job/states';
import { redaction } from '../redaction/redaction';
import { parseQuery, printQuery, readIds, readText } from '../search/parser';
import {
  FINISHED_SINCE,
  type MatchTerm,
  type NotUnderstoodTerm,
  TERM_PARAMS,
  type Term,
  type TermParam,
  ZONE_PARAM,
} from '../search/terms';

/** Columns that an index of GoodJob's own schema keeps in order, for the states that it has. */
export const SORT_COLUMNS = ['created', 'scheduled', 'performed', 'finished', 'priority'] as const;
export type SortColumn = (typeof SORT_COLUMNS)[number];

export interface Sort {
  column: SortColumn;
  direction: 'asc' | 'desc';
}

const UNFINISHED: readonly JobState[] = ['scheduled', 'retried', 'queued', 'running'];

/** Whether jobs of these states can be sorted by it. Running ones are few: they need no index. */
export function suits({ column }: Pick<Sort, 'column'>, states: readonly JobState[]): boolean {
  if (column === 'priority') return states.every((state) => UNFINISHED.includes(state));
  if (column === 'performed') return states.every((state) => state === 'running');
  return true;
}

/** Natural order: what will run next first, what ran last first; of several kinds the newest. */
export function naturalSort(states: readonly JobState[]): Sort {
  const only = (...some: JobState[]) =>
    states.length > 0 && states.every((state) => some.includes(state));
  if (only('scheduled', 'retried', 'queued')) return { column: 'scheduled', direction: 'asc' };
  if (only('running')) return { column: 'performed', direction: 'desc' };
  if (only('succeeded', 'discarded')) return { column: 'finished', direction: 'desc' };
  return { column: 'created', direction: 'desc' };
}

/** `created`, or `-created` for the newest first. */
export function parseSort(text: string): Sort | null {
  const column = SORT_COLUMNS.find((one) => one === text.replace(/^-/, ''));
  return column ? { column, direction: text.startsWith('-') ? 'desc' : 'asc' } : null;
}

export function printSort({ column, direction }: Sort): string {
  return direction === 'desc' ? `-${column}` : column;
}

/** Whether a cursor's `at` is a sort key of the list: a time (`infinity` where a job has not finished), or `5/2026-11-20 …` by priority. */
export function isSortAt(sort: Sort): (text: string) => boolean {
  return (text) => {
    if (sort.column !== 'priority') return isRowTime(text);
    const [, priority = '', at = ''] = /^(-?\d{1,10})\/(.*)$/s.exec(text) ?? [];
    return isRowTime(at) && Math.abs(Number(priority)) <= 2_147_483_647;
  };
}

/** Longer than any value that is understood, and still not understood when it is printed and read again. */
const KEPT = 1_001;
const SHOWN = 80;

export interface JobFilter {
  /** The tab. */
  state: JobState | null;
  /** All of them hold, together with the state. */
  terms: Term[];
  /** Null: the natural order of the states that are listed. */
  sort: Sort | null;
  /** Rows a page. */
  limit: number;
  cursor: Cursor | null;
  /** Parameters that could not be read; what of `q` could not is a term. */
  notUnderstood: NotUnderstood[];
}

/**
 * Reads the filter of a job list from its URL; the same for page, polling, links, bulk and export. Days and times
 * without an offset are in the zone that the URL names, else in `zone`: that of the viewer on a page, UTC in an API.
 */
export function parseJobFilter(params: Params, { zone = 'UTC' } = {}): JobFilter {
  const notUnderstood: NotUnderstood[] = [];
  const refuse = (name: string) =>
    notUnderstood.push({ name, value: cut(params.get(name) ?? '', KEPT) });

  const state = params.get('state') || null;
  if (state && !isJobState(state)) refuse('state');
  const terms: Term[] = [];
  for (const param of TERM_PARAMS) {
    const value = params.get(param);
    if (!value?.trim()) continue;
    const term = isFilterText(value) ? readParam(param, value) : null;
    if (term) terms.push(unlessHidden(term));
    else refuse(param);
  }
  const zoneParam = params.get(ZONE_PARAM) || null;
  if (zoneParam !== null && !isTimeZone(zoneParam)) refuse(ZONE_PARAM);
  const queryZone = isTimeZone(zoneParam) ? zoneParam : zone;
  terms.push(...parseQuery(params.get('q') ?? '', queryZone).map(unlessHidden));

  const limit = parseLimit(params);
  if (limit === null) refuse('limit');
  const filter: JobFilter = {
    state: state && isJobState(state) ? state : null,
    terms,
    sort: null,
    limit: limit ?? PAGE_SIZE,
    cursor: null,
    notUnderstood,
  };
  const sort = params.get('sort') ? parseSort(params.get('sort') ?? '') : null;
  if (params.get('sort') && !(sort && suits(sort, listedStates(filter)))) refuse('sort');
  else filter.sort = sort;
  const cursor = parseCursor(params, isSortAt(sortOf(filter)));
  if (cursor === 'not_understood')
    refuse(
      ['after_id', 'after_at', 'before_id', 'before_at'].find(
        (name) => params.get(name) !== null,
      ) ?? 'after_id',
    );
  else filter.cursor = cursor;
  return filter;
}

/** What looks for a hidden value, by its place or by being one, is refused: whether it is there is not to be told. */
function unlessHidden(term: Term): Term {
  const hides = (text: string) => redaction().redactText(text) !== text;
  const isHidden =
    (term.kind === 'argument' &&
      (redaction().isSecretPath(term.path) || term.values.some(hides))) ||
    (term.kind === 'text' && [term.text, ...term.parts].some(hides)) ||
    (term.kind === 'match' && term.values.some(hides));
  const { negated, source, param } = term;
  return isHidden ? { kind: 'not_understood', reason: 'hidden', negated, source, param } : term;
}

function readParam(param: TermParam, source: string): Term | null {
  const common = { negated: false, source, param };
  const match = (field: MatchTerm['field']): Term => ({
    ...common,
    kind: 'match',
    field,
    values: [source.replaceAll(/[\\*]/g, '\\$&')],
  });
  switch (param) {
    case 'job_class':
      return match('class');
    case 'queue_name':
      return match('queue');
    case 'label':
      return match('label');
    case 'cron_key':
      return match('cron');
    case 'process_id':
      return source.length === 36 ? readIds('process', [source], common) : null;
    case 'finished_since': {
      const secondsAgo = Object.hasOwn(FINISHED_SINCE, source) ? FINISHED_SINCE[source] : undefined;
      return secondsAgo === undefined
        ? null
        : {
            ...common,
            kind: 'time',
            field: 'finished',
            bounds: [{ comparison: '>=', time: { secondsAgo } }],
          };
    }
    case 'query':
      return readText([source.trim()], common);
  }
}

/** The filter as query parameters; without a cursor, its first page. What was not understood stays in it. */
export function jobFilterParams(
  filter: Omit<JobFilter, 'cursor'>,
  cursor?: Cursor | null,
): Record<string, string> {
  const ofParams = filter.terms.filter((term) => term.param !== 'q');
  const q = printQuery(filter.terms.filter((term) => term.param === 'q'));
  return {
    ...(filter.state ? { state: filter.state } : {}),
    ...Object.fromEntries(ofParams.map((term) => [term.param, term.source])),
    ...(q ? { q } : {}),
    ...(filter.sort ? { sort: printSort(filter.sort) } : {}),
    ...(filter.limit === PAGE_SIZE ? {} : { limit: String(filter.limit) }),
    ...Object.fromEntries(filter.notUnderstood.map(({ name, value }) => [name, value])),
    ...(cursor ? cursorParams(cursor) : {}),
  };
}

/** The same filter under another tab; a sort that the tab does not have is dropped. */
export function withState(filter: JobFilter, state: JobState | null): JobFilter {
  const other: JobFilter = { ...filter, state, cursor: null };
  return {
    ...other,
    sort: filter.sort && suits(filter.sort, listedStates(other)) ? filter.sort : null,
  };
}

/** The same filter without one of its terms. */
export function withoutTerm(filter: JobFilter, term: Term): JobFilter {
  return { ...filter, terms: filter.terms.filter((other) => other !== term), cursor: null };
}

/** The value of one of GoodJob's parameters, for a form's field. */
export function paramValue(filter: Pick<JobFilter, 'terms'>, param: TermParam): string | null {
  return filter.terms.find((term) => term.param === param)?.source ?? null;
}

/** All that could not be read, to be shown. `reason`: of a term. */
export function notUnderstoodOf(
  filter: Pick<JobFilter, 'terms' | 'notUnderstood'>,
): (NotUnderstood & { reason?: NotUnderstoodTerm['reason'] })[] {
  const ofTerms = filter.terms.flatMap((term) =>
    term.kind === 'not_understood'
      ? [{ name: term.param, value: cut(term.source, SHOWN), reason: term.reason }]
      : [],
  );
  const ofParams = filter.notUnderstood.map(({ name, value }) => ({
    name,
    value: cut(value, SHOWN),
  }));
  return [...ofParams, ...ofTerms];
}

/** Whether all of it was understood. If not, its list is empty, and nothing acts on it or exports it. */
export function isUnderstood(filter: Pick<JobFilter, 'terms' | 'notUnderstood'>): boolean {
  return (
    filter.notUnderstood.length === 0 &&
    filter.terms.every((term) => term.kind !== 'not_understood')
  );
}

/**
 * How its list is sorted: as asked for, or naturally: by the states' own order, or where they have no common one by the
 * time that the query limits it to, the newest first.
 */
export function sortOf(filter: Pick<JobFilter, 'state' | 'terms' | 'sort'>): Sort {
  const limited = new Set(
    filter.terms.flatMap((term) =>
      term.kind === 'time' && term.param === 'q' && !term.negated ? [term.field] : [],
    ),
  );
  const [only] = limited;
  const natural = naturalSort(listedStates(filter));
  return (
    filter.sort ??
    (natural.column === 'created' &&
    limited.size === 1 &&
    (only === 'finished' || only === 'scheduled')
      ? { column: only, direction: 'desc' }
      : natural)
  );
}

/** The states that its jobs can be in, by the tab and the terms of `state`; in the order of the tabs. */
export function listedStates({ state, terms }: Pick<JobFilter, 'state' | 'terms'>): JobState[] {
  return JOB_STATES.filter(
    (one) =>
      (state === null || state === one) &&
      terms.every(
        (term) =>
          term.kind !== 'match' ||
          term.field !== 'state' ||
          term.values.includes(one) !== term.negated,
      ),
  );
}
