import 'server-only';
import type { Ctx } from '../ctx';
import { lastAttention } from './queries';
import { SEVERITIES, type Severity } from './types';

/** An older number is not shown. */
const MAX_STALE_MS = 10 * 60_000;

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
  const severities = (lastAttention(ctx, MAX_STALE_MS)?.checks ?? []).flatMap((check) =>
    check.result === 'found' ? [check.finding.severity] : [],
  );
  const severity = SEVERITIES.find((one) => severities.includes(one));
  return severity ? { findings: severities.length, severity } : null;
}
