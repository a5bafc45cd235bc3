import type { Viewer } from '../auth/permissions';
import { ConsoleError, type ErrorCode } from '../errors';
import { Refusal } from '../good-job/outcomes';
import { SettingRefused } from '../good-job/settings';
import { redaction } from '../redaction/redaction';
import type { AuditEvent } from './audit';

/** What an act is about, told before it is tried, so that one that comes to nothing is on record too. */
export interface Attempt extends Partial<
  Pick<AuditEvent, 'targetType' | 'targetIds' | 'targetName' | 'details' | 'action'>
> {
  /** False: it goes without a reason whatever AUDIT_REASON says; what stops a run must be quick. */
  asksReason?: boolean;
}

interface Asking {
  viewer: Viewer;
  requestId: string;
  reason: string | null;
}

/** The record of what this viewer does in this request. */
export function eventOf(
  { viewer, requestId, reason }: Asking,
  action: AuditEvent['action'],
  event: Attempt & Partial<AuditEvent>,
): AuditEvent {
  const { asksReason: _, targetName, details = {}, ...told } = event;
  const rules = redaction();
  return {
    viewer: viewer.id,
    viewerName: viewer.name,
    viewerEmail: viewer.email,
    role: viewer.role,
    requestId,
    reason: reason && rules.redactText(reason),
    action,
    targetType: 'none',
    targetIds: [],
    counts: {},
    ...told,
    ...(targetName === undefined ? {} : { targetName: rules.redactText(targetName) }),
    details: rules.redactPlain(details),
  };
}

const REFUSED = new Set<ErrorCode>([
  'forbidden',
  'read_only',
  'bad_request',
  'reason_required',
  'not_understood',
  'bulk_too_large',
]);

/** An attempt that was not confirmed as it must be; nothing was done. `more`: the jobs there are now, more than were confirmed. */
export class NotConfirmed extends Error {
  constructor(readonly more?: number) {
    super('not confirmed');
  }
}

/** What an error made of an attempt. A lock that was not to be had leaves its rows as `locked`, as it does when others could be had. */
export function failureOf(
  error: unknown,
  { targetIds = [] }: Attempt,
): Pick<AuditEvent, 'counts' | 'error' | 'refused'> {
  if (error instanceof Refusal || error instanceof SettingRefused)
    return { counts: {}, error: error.code, refused: true };
  if (error instanceof NotConfirmed) return { counts: {}, error: 'not_confirmed', refused: true };
  if (!(error instanceof ConsoleError)) return { counts: {}, error: 'unexpected' };
  if (error.code === 'locked' && targetIds.length > 0)
    return { counts: { locked: targetIds.length } };
  return { counts: {}, error: error.code, refused: REFUSED.has(error.code) };
}
