import 'server-only';
import type { Ctx } from '../ctx';
import { lastAttention } from './queries';
import { SEVERITIES, type Severity } from './types';

const FRESH_MS = 10_000;
/** Older than this it is better to show none. */
const MAX_AGE_MS = 10 * 60_000;

export interface AttentionCount {
  findings: number;
  /** Of the worst one. */
  severity: Severity;
}

/**
 * How many findings /attention has, for the navigation: what was found last, at once, and looked for again behind
 * the answer when it is ten seconds old. Null: nothing, or not known yet.
 */
export function attentionCount(ctx: Ctx): AttentionCount | null {
  const severities = (
    lastAttention(ctx, { freshMs: FRESH_MS, maxAgeMs: MAX_AGE_MS })?.checks ?? []
  ).flatMap((check) => (check.result === 'found' ? [check.finding.severity] : []));
  const severity = SEVERITIES.find((one) => severities.includes(one));
  return severity ? { findings: severities.length, severity } : null;
}
