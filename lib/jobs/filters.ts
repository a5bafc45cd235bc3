import sql, { join } from 'sql-template-tag';
import { z } from 'zod';
import { isTimeZone } from '../core/locale';
import { ProcessCache } from '../core/process-state';
import { truncateText, isFilterText, isRowTime } from '../core/text';
import {
  type Cursor,
  cursorParams,
  type NotUnderstood,
  PAGE_SIZE,
  type Params,
  parseCursor,
  parseLimit,
} from '../core/urls';
import type { Tx } from '../db/database';
import { findGroupJobIds } from '../failures/queries';
import type { GoodJobTables } from '../good-job/tables';
import { JOB_STATES, type JobState, isJobState } from '../good-job/types';
import { failureRedactor, redaction } from '../redaction/redaction';
import { unescapeValue, batchIdCondition, jobIdCondition, likePattern } from '../search/conditions';
import { parseQuery, printQuery, idsTerm, textTerm } from '../search/parser';
import {
  DURATION_FIELDS,
  type DurationField,
  FINISHED_SINCE_SECONDS,
  type FailureTerm,
  type MatchTerm,
  type NotUnderstoodTerm,
  TERM_PARAMS,
  type Term,
  type TermParam,
  type TextTerm,
  ZONE_PARAM,
} from '../search/terms';

/** Sort columns. Each has an index in GoodJob's own schema for some states. */
export const SORT_COLUMNS = ['created', 'scheduled', 'performed', 'finished', 'priority'] as const;
export type SortColumn = (typeof SORT_COLUMNS)[number];

export interface Sort {
  column: SortColumn;
  direction: 'asc' | 'desc';
}

/** An order by a duration, which no index has: it applies to the rows of one page. */
export interface PageSort {
  column: DurationField;
  direction: Sort['direction'];
}

const UNFINISHED: readonly JobState[] = ['scheduled', 'retried', 'queued', 'running'];

/**
 * Whether jobs of these states can be sorted by a column. Running jobs are few and need no index.
 */
export function canSortBy({ column }: Pick<Sort, 'column'>, states: readonly JobState[]): boolean {
  if (column === 'priority') return states.every((state) => UNFINISHED.includes(state));
  if (column === 'performed') return states.every((state) => state === 'running');
  return true;
}

/**
 * Returns the natural order: waiting jobs by due time, others by their latest time, mixed states
 * newest first.
 */
function naturalSort(states: readonly JobState[]): Sort {
  const areAll = (...allowed: JobState[]) =>
    states.length > 0 && states.every((state) => allowed.includes(state));
  if (areAll('scheduled', 'retried', 'queued')) return { column: 'scheduled', direction: 'asc' };
  if (areAll('running')) return { column: 'performed', direction: 'desc' };
  if (areAll('succeeded', 'discarded')) return { column: 'finished', direction: 'desc' };
  return { column: 'created', direction: 'desc' };
}

/** Parses `created` (ascending) or `-created` (descending); null for anything else. */
function parseSort(text: string): Sort | null {
  const column = SORT_COLUMNS.find((name) => name === text.replace(/^-/, ''));
  return column ? { column, direction: text.startsWith('-') ? 'desc' : 'asc' } : null;
}

function parsePageSort(text: string): PageSort | null {
  const column = DURATION_FIELDS.find((name) => name === text.replace(/^-/, ''));
  return column ? { column, direction: text.startsWith('-') ? 'desc' : 'asc' } : null;
}

/** Prints a sort for the URL. */
function printSort({ column, direction }: Sort | PageSort): string {
  return direction === 'desc' ? `-${column}` : column;
}

/**
 * Returns a predicate for the sort keys of a list: a time (`infinity` for an unfinished job), or
 * priority and time (`5/2026-11-20T…`).
 */
function isSortAt(sort: Sort): (text: string) => boolean {
  return (text) => {
    if (sort.column !== 'priority') return isRowTime(text);
    const [, priority = '', at = ''] = /^(-?\d{1,10})\/(.*)$/s.exec(text) ?? [];
    return isRowTime(at) && Math.abs(Number(priority)) <= 2_147_483_647;
  };
}

/**
 * Longer than any valid value, so that a truncated value stays invalid when it is printed and
 * parsed again.
 */
const MAX_INVALID_CHARS = 1_001;
const MAX_DISPLAYED_CHARS = 80;

/** The filter, order and page of a job list. */
export interface JobFilter {
  /** The selected tab. */
  state: JobState | null;
  /** Joined by AND, together with the state. */
  terms: Term[];
  /** Null for the natural order of the listed states. */
  sort: Sort | null;
  /** Sorts the rows of each page again. */
  pageSort?: PageSort | null;
  /** Rows per page. */
  limit: number;
  cursor: Cursor | null;
  /** Invalid parameters. Invalid words of `q` are terms. */
  notUnderstood: NotUnderstood[];
}

/**
 * Parses the filter of a job list from its URL, for page, polling, links, bulk and export. Days and
 * times without an offset are in the URL's zone, else in `zone` (the viewer's zone on a page, UTC
 * in the API).
 */
export function parseJobFilter(params: Params, { zone = 'UTC' } = {}): JobFilter {
  const notUnderstood: NotUnderstood[] = [];
  const reject = (name: string) =>
    notUnderstood.push({ name, value: truncateText(params.get(name) ?? '', MAX_INVALID_CHARS) });

  const state = params.get('state') || null;
  if (state && !isJobState(state)) reject('state');
  const terms: Term[] = [];
  for (const param of TERM_PARAMS) {
    const value = params.get(param);
    if (!value?.trim()) continue;
    const term = isFilterText(value) ? readParam(param, value) : null;
    if (term) terms.push(rejectHidden(term));
    else reject(param);
  }
  const zoneParam = params.get(ZONE_PARAM) || null;
  if (zoneParam !== null && !isTimeZone(zoneParam)) reject(ZONE_PARAM);
  const queryZone = isTimeZone(zoneParam) ? zoneParam : zone;
  terms.push(...parseQuery(params.get('q') ?? '', queryZone).map(rejectHidden));

  const limit = parseLimit(params);
  if (limit === null) reject('limit');
  const filter: JobFilter = {
    state: state && isJobState(state) ? state : null,
    terms,
    sort: null,
    limit: limit ?? PAGE_SIZE,
    cursor: null,
    notUnderstood,
  };
  const sortText = params.get('sort') ?? '';
  const sort = parseSort(sortText);
  const pageSort = parsePageSort(sortText);
  if (sortText && !pageSort && !(sort && canSortBy(sort, listedStates(filter)))) reject('sort');
  else filter.sort = sort;
  if (pageSort) filter.pageSort = pageSort;
  const cursor = parseCursor(params, isSortAt(sortOf(filter)));
  if (cursor === 'not_understood')
    reject(
      ['after_id', 'after_at', 'before_id', 'before_at'].find(
        (name) => params.get(name) !== null,
      ) ?? 'after_id',
    );
  else filter.cursor = cursor;
  return filter;
}

/**
 * Rejects terms with a hidden path or value, because their matches would reveal whether the value
 * exists.
 */
function rejectHidden(term: Term): Term {
  const isRedacted = (text: string) => redaction().redactText(text) !== text;
  const isHidden =
    (term.kind === 'argument' &&
      (redaction().isSecretPath(term.path) || term.values.some(isRedacted))) ||
    (term.kind === 'text' && [term.text, ...term.parts].some(isRedacted)) ||
    (term.kind === 'match' && term.values.some(isRedacted));
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
      return source.length === 36 ? idsTerm('process', [source], common) : null;
    case 'finished_since': {
      const secondsAgo = Object.hasOwn(FINISHED_SINCE_SECONDS, source)
        ? FINISHED_SINCE_SECONDS[source]
        : undefined;
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
      return textTerm([source.trim()], common);
  }
}

/**
 * Prints the filter as query parameters, with invalid ones unchanged. Without a cursor it is the
 * first page.
 */
export function jobFilterParams(
  filter: Omit<JobFilter, 'cursor'>,
  cursor?: Cursor | null,
): Record<string, string> {
  const paramTerms = filter.terms.filter((term) => term.param !== 'q');
  const q = printQuery(filter.terms.filter((term) => term.param === 'q'));
  const sort = filter.pageSort ?? filter.sort;
  return {
    ...(filter.state ? { state: filter.state } : {}),
    ...Object.fromEntries(paramTerms.map((term) => [term.param, term.source])),
    ...(q ? { q } : {}),
    ...(sort ? { sort: printSort(sort) } : {}),
    ...(filter.limit === PAGE_SIZE ? {} : { limit: String(filter.limit) }),
    ...Object.fromEntries(filter.notUnderstood.map(({ name, value }) => [name, value])),
    ...(cursor ? cursorParams(cursor) : {}),
  };
}

/** Returns the filter with another tab. A sort that the tab does not support is removed. */
export function withState(filter: JobFilter, state: JobState | null): JobFilter {
  const other: JobFilter = { ...filter, state, cursor: null };
  return {
    ...other,
    sort: filter.sort && canSortBy(filter.sort, listedStates(other)) ? filter.sort : null,
  };
}

/** Returns the filter without one of its terms. */
export function withoutTerm(filter: JobFilter, term: Term): JobFilter {
  return { ...filter, terms: filter.terms.filter((other) => other !== term), cursor: null };
}

/** Returns all invalid parameters and terms, truncated for display. Only terms have a `reason`. */
export function notUnderstoodOf(
  filter: Pick<JobFilter, 'terms' | 'notUnderstood'>,
): (NotUnderstood & { reason?: NotUnderstoodTerm['reason'] })[] {
  const ofTerms = filter.terms.flatMap((term) =>
    term.kind === 'not_understood'
      ? [
          {
            name: term.param,
            value: truncateText(term.source, MAX_DISPLAYED_CHARS),
            reason: term.reason,
          },
        ]
      : [],
  );
  const ofParams = filter.notUnderstood.map(({ name, value }) => ({
    name,
    value: truncateText(value, MAX_DISPLAYED_CHARS),
  }));
  return [...ofParams, ...ofTerms];
}

/**
 * Whether the whole filter could be parsed. If not, its list is empty, and actions and exports are
 * rejected.
 */
export function isUnderstood(filter: Pick<JobFilter, 'terms' | 'notUnderstood'>): boolean {
  return (
    filter.notUnderstood.length === 0 &&
    filter.terms.every((term) => term.kind !== 'not_understood')
  );
}

/**
 * Returns the sort of a list: the selected one, else the natural one of its states. Mixed states
 * are sorted by the time field of the query, newest first, if there is exactly one.
 */
export function sortOf(filter: Pick<JobFilter, 'state' | 'terms' | 'sort'>): Sort {
  if (filter.sort) return filter.sort;
  const natural = naturalSort(listedStates(filter));
  if (natural.column !== 'created') return natural;
  const timeFields = new Set(
    filter.terms.flatMap((term) =>
      term.kind === 'time' && term.param === 'q' && !term.negated ? [term.field] : [],
    ),
  );
  const [column] = timeFields;
  return timeFields.size === 1 && (column === 'finished' || column === 'scheduled')
    ? { column, direction: 'desc' }
    : natural;
}

/**
 * Returns the states that jobs of the list can have, by the tab and `state` terms, in tab order.
 */
export function listedStates({ state, terms }: Pick<JobFilter, 'state' | 'terms'>): JobState[] {
  return JOB_STATES.filter(
    (listed) =>
      (state === null || state === listed) &&
      terms.every(
        (term) =>
          term.kind !== 'match' ||
          term.field !== 'state' ||
          term.values.includes(listed) !== term.negated,
      ),
  );
}

/** Serves polling lists. Actions on jobs bypass it. */
const cache = new ProcessCache<string[]>('failure groups', {
  ttlMs: 15_000,
  maxEntries: 50,
  expiresOnWrite: true,
});

/** Returns the classes that a filter is limited to, so that only their failures are scanned. */
function classesOf(terms: Term[]): string[] | null {
  for (const term of terms)
    if (
      term.kind === 'match' &&
      term.field === 'class' &&
      !term.negated &&
      term.values.every((value) => likePattern(value) === null)
    )
      return term.values.map(unescapeValue);
  return null;
}

interface ResolveOptions {
  /** Reads the groups from the database, as actions on jobs must. */
  bypassCache?: boolean;
}

/** Fills in the job ids of failure groups. */
export async function resolveFailures(
  tx: Tx,
  tables: GoodJobTables,
  terms: Term[],
  { bypassCache = false }: ResolveOptions = {},
): Promise<Term[]> {
  if (!terms.some((term) => term.kind === 'failure')) return terms;
  const classes = classesOf(terms);
  const resolved: Term[] = [];
  for (const term of terms)
    resolved.push(
      term.kind === 'failure'
        ? { ...term, ids: await groupIds(tx, tables, term, classes, bypassCache) }
        : term,
    );
  return resolved;
}

async function groupIds(
  tx: Tx,
  tables: GoodJobTables,
  { fingerprint, since, until }: FailureTerm,
  classes: string[] | null,
  bypassCache: boolean,
): Promise<string[]> {
  const { identity } = tables.schema;
  const key = JSON.stringify([fingerprint, since, until, classes]);
  const cached = cache.peek(identity, key);
  if (!bypassCache && cached) return cached;
  const ids = await findGroupJobIds(
    tx,
    tables,
    fingerprint,
    { since, until, classes },
    failureRedactor,
  );
  cache.set(identity, key, ids);
  return ids;
}

/** A search text that was resolved to an id, and the term that searches for it as text. */
export interface ResolvedId {
  source: string;
  as: 'id' | 'batch';
  /** Term for `q`. */
  asText: string;
}

/** A filter whose terms no longer depend on the database. */
interface ResolvedFilter {
  filter: JobFilter;
  /** Texts that were resolved to ids. */
  resolvedIds: ResolvedId[];
}

type IdText = TextTerm & { id: string };
const isIdText = (term: Term): term is IdText => term.kind === 'text' && term.id !== null;

/** The kind of each search text of a filter, in order. */
const textKindsRow = z.strictObject({ kinds: z.array(z.enum(['id', 'batch', 'text'])) });

/**
 * Resolves texts that may be ids (see TextTerm) and failure groups. The result keeps its meaning
 * when jobs change or it is printed and parsed again, so bulk actions must use it.
 */
export async function resolveFilter(
  tx: Tx,
  tables: GoodJobTables,
  input: JobFilter,
): Promise<ResolvedFilter> {
  const filter = { ...input, terms: await resolveFailures(tx, tables, input.terms) };
  const texts = filter.terms.filter(isIdText);
  if (texts.length === 0) return { filter, resolvedIds: [] };
  const kinds = texts.map(
    ({ id }) => sql`
      CASE WHEN EXISTS (SELECT 1 FROM ${tables.jobs} j WHERE ${jobIdCondition(id)}) THEN 'id'
           WHEN EXISTS (SELECT 1 FROM ${tables.jobs} j WHERE ${batchIdCondition(id)}) THEN 'batch'
           ELSE 'text' END`,
  );
  const [row] = await tx.query(textKindsRow, sql`SELECT ARRAY[${join(kinds)}] AS kinds`);
  const resolvedIds: ResolvedId[] = [];
  const resolveTerm = (term: Term): Term => {
    if (!isIdText(term)) return term;
    const as = row?.kinds[texts.indexOf(term)];
    const { text, id, negated } = term;
    const minus = negated ? '-' : '';
    const asText = `${minus}"${text.replaceAll(/["\\]/g, '\\$&')}"`;
    if (as !== 'id' && as !== 'batch')
      return { kind: 'text', text, parts: [text], id: null, negated, source: asText, param: 'q' };
    resolvedIds.push({ source: term.source, as, asText });
    return {
      kind: 'ids',
      field: as,
      values: [id],
      negated,
      source: `${minus}${as}:${id}`,
      param: 'q',
    };
  };
  return { filter: { ...filter, terms: filter.terms.map(resolveTerm) }, resolvedIds };
}
