import { type AuditAction, OTHER_ACTIONS } from '../audit/recorder';
import { AUDIT_OUTCOMES, type AuditOutcome } from '../audit/types';
import { PERMISSION_NAMES } from '../auth/roles';
import { utcToZoned, zonedIso, zonedToUtc } from '../core/locale';
import { truncateText, isFilterText, isTimestamp } from '../core/text';
import {
  type Cursor,
  cursorParams,
  type NotUnderstood,
  PAGE_SIZE,
  type Params,
  parseCursor,
} from '../core/urls';

/** All actions that the audit can contain. */
export const AUDIT_ACTIONS: AuditAction[] = [...PERMISSION_NAMES, ...OTHER_ACTIONS];

const MAX_PAGE_SIZE = 100;
/** Maximum length of an invalid value that a page repeats. */
const MAX_INVALID_LENGTH = 80;

export interface AuditFilter {
  /** The viewer's id. */
  viewer: string | null;
  action: AuditAction | null;
  /** An id, or the name of a queue, class, label or cron key. */
  target: string | null;
  outcome: AuditOutcome | null;
  requestId: string | null;
  /** ISO 8601 with a zone; `from` is inclusive, `to` exclusive. */
  from: string | null;
  to: string | null;
  limit: number;
  cursor: Cursor | null;
  notUnderstood: NotUnderstood[];
}

/**
 * A time with a zone. The value of a `datetime-local` input has none and is in the viewer's zone.
 */
const ZONED = /(Z|UTC|[+-]\d\d:?\d\d)$/;

/** Parses the filter from the URL for page, polling and export. `zone`: the viewer's time zone. */
export function parseAuditFilter(params: Params, zone: string): AuditFilter {
  const notUnderstood: NotUnderstood[] = [];
  const addInvalid = (name: string) =>
    notUnderstood.push({ name, value: truncateText(params.get(name) ?? '', MAX_INVALID_LENGTH) });
  function read<T>(name: string, parse: (text: string) => T | null | undefined): T | null {
    const text = params.get(name)?.trim();
    if (!text) return null;
    const value = isFilterText(text) ? parse(text) : null;
    if (value === null || value === undefined) addInvalid(name);
    return value ?? null;
  }
  const text = (name: string) => read(name, (value) => value);
  const time = (name: string) =>
    read(name, (value) =>
      ZONED.test(value) && isTimestamp(value) ? value : zonedToUtc(value, zone),
    );
  const filter: AuditFilter = {
    viewer: text('viewer'),
    action: read('action', (value) => AUDIT_ACTIONS.find((action) => action === value)),
    target: text('target'),
    outcome: read('outcome', (value) => AUDIT_OUTCOMES.find((outcome) => outcome === value)),
    requestId: text('request_id'),
    from: time('from'),
    to: time('to'),
    limit:
      read('limit', (value) =>
        /^\d{1,3}$/.test(value) && Number(value) >= 1 && Number(value) <= MAX_PAGE_SIZE
          ? Number(value)
          : null,
      ) ?? PAGE_SIZE,
    cursor: null,
    notUnderstood,
  };
  if (filter.from && filter.to && instantOf(filter.from) >= instantOf(filter.to)) addInvalid('to');
  const cursor = parseCursor(params, isTimestamp, (id) => /^\d{1,18}$/.test(id));
  if (cursor === 'not_understood')
    addInvalid(
      ['after_id', 'after_at', 'before_id', 'before_at'].find(
        (name) => params.get(name) !== null,
      ) ?? 'after_id',
    );
  else filter.cursor = cursor;
  return filter;
}

const instantOf = (iso: string) =>
  Date.parse(
    iso
      .replace(/ ?UTC$/, 'Z')
      .replace(' ', 'T')
      .replace(/(\.\d{3})\d+/, '$1'),
  );

/** Converts a time of the filter to the value of a `datetime-local` input. */
export const localTime = (iso: string | null, zone: string): string | undefined =>
  iso ? utcToZoned(instantOf(iso), zone) : undefined;

/**
 * Returns the query parameters of a filter, with zoned times so that they mean the same to every
 * viewer. Without a cursor they select the first page.
 */
export function auditFilterParams(
  filter: Omit<AuditFilter, 'cursor'>,
  zone: string,
  cursor?: Cursor | null,
): Record<string, string> {
  const { viewer, action, target, outcome, requestId, from, to, limit } = filter;
  const entries = {
    viewer,
    action,
    target,
    outcome,
    request_id: requestId,
    from: from && zonedIso(instantOf(from), zone),
    to: to && zonedIso(instantOf(to), zone),
    limit: limit === PAGE_SIZE ? null : String(limit),
  };
  return {
    ...Object.fromEntries(
      Object.entries(entries).filter((entry): entry is [string, string] => entry[1] !== null),
    ),
    ...Object.fromEntries(filter.notUnderstood.map(({ name, value }) => [name, value])),
    ...(cursor ? cursorParams(cursor) : {}),
  };
}

/** Whether a time has no zone, as in a submitted form, so that it depends on the viewer's zone. */
export function hasLocalTimes(params: Params): boolean {
  return ['from', 'to'].some((name) => {
    const value = params.get(name)?.trim();
    return value && !ZONED.test(value);
  });
}
