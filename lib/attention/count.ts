import 'server-only';
import type { Ctx } from '../ctx';
import { lastAttention } from './queries';
import { type Attention, SEVERITIES, type Severity } from './types';

/** An older number is not shown. */
const MAX_STALE_MS = 10 * 60_000;

export interface AttentionCount {
  findings: number;
  /** Of the worst one. */
  severity: Severity;
}

/**
 * How many findings /attention has, for the navigation: those of the last search, at once; another runs behind the answer
 * when it is half a minute old. Null: nothing; undefined: not known yet.
 */
export async function attentionCount(ctx: Ctx): Promise<AttentionCount | null | undefined> {
  const attention = await lastAttention(ctx, MAX_STALE_MS);
  return attention ? countFindings(attention) : undefined;
}

/** Null: nothing needs attention. */
export function countFindings({ checks }: Attention): AttentionCount | null {
  const severities = checks.flatMap((check) =>
    check.result === 'found' ? [check.finding.severity] : [],
  );
  const severity = SEVERITIES.find((one) => severities.includes(one));
  return severity ? { findings: severities.length, severity } : null;
}
