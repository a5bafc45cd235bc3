import {
  AUDIT_OUTCOMES,
  type AuditAction,
  type AuditOutcome,
  OTHER_ACTIONS,
} from '../audit/recorder';
import { PERMISSIONS, type Permission } from '../auth/roles';
import { utcToZoned, zonedIso, zonedToUtc } from '../core/locale';
import {
  type Cursor,
  type NotUnderstood,
  PAGE_SIZE,
  type Params,
  cursorParams,
  parseCursor,
} from '../core/search-params';
import { cut, isFilterText, isTimestamp } from '../core/text';

export const AUDIT_ACTIONS: AuditAction[] = [
  ...(Object.keys(PERMISSIONS) as Permission[]),
  ...OTHER_ACTIONS,
];

export const MAX_PAGE_SIZE = 100;
const SHOWN = 80;

export interface AuditFilter {
  /** As the audit names them. */
  viewer: string | null;
  action: AuditAction | null;
  /** An id, or the name of a queue, class, label or cron key. */
  target: string | null;
  outcome: AuditOutcome | null;
  requestId: string | null;
  /** Instants, ISO 8601 with a zone; `to` is not in it any more. */
  from: string | null;
  to: string | null;
  limit: number;
  cursor: Cursor | null;
  notUnderstood: NotUnderstood[];
}

/** A zone at its end: without one it is what a form's `datetime-local` sends, in the viewer's own. */
const ZONED = /(Z|UTC|[+-]\d\d:?\d\d)$/;

/** Reads the filter of the audit from its URL; the same for page, polling and export. `zone`: the viewer's. */
export function parseAuditFilter(params: Params, zone: string): AuditFilter {
  const notUnderstood: NotUnderstood[] = [];
  const refuse = (name: string) =>
    notUnderstood.push({ name, value: cut(params.get(name) ?? '', SHOWN) });
  function read<T>(name: string, of: (text: string) => T | null | undefined): T | null {
    const text = params.get(name)?.trim();
    if (!text) return null;
    const value = isFilterText(text) ? of(text) : null;
    if (value === null || value === undefined) refuse(name);
    return value ?? null;
  }
  const text = (name: string) => read(name, (value) => value);
  const time = (name: string) =>
    read(name, (value) =>
      ZONED.test(value) && isTimestamp(value) ? value : zonedToUtc(value, zone),
    );
  const filter: AuditFilter = {
    viewer: text('viewer'),
    action: read('action', (value) => AUDIT_ACTIONS.find((one) => one === value)),
    target: text('target'),
    outcome: read('outcome', (value) => AUDIT_OUTCOMES.find((one) => one === value)),
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
  if (filter.from && filter.to && instantOf(filter.from) >= instantOf(filter.to)) refuse('to');
  const cursor = parseCursor(params, isTimestamp, (id) => /^\d{1,18}$/.test(id));
  if (cursor === 'not_understood')
    refuse(
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

/** A time of the filter as a form's `datetime-local` shows it. */
export const localTime = (iso: string | null, zone: string): string | undefined =>
  iso ? utcToZoned(instantOf(iso), zone) : undefined;

/** The filter as query parameters, which mean the same to every viewer: times with their zone. Without a cursor, its first page. */
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

/** Whether its times came from a form, and mean something else to a viewer in another zone. */
export function hasLocalTimes(params: Params): boolean {
  return ['from', 'to'].some((name) => {
    const value = params.get(name)?.trim();
    return value && !ZONED.test(value);
  });
}
