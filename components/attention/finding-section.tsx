'use client';

import Link from 'next/link';
import { useTranslations } from 'next-intl';
import type { Finding, FindingKind, RepairTarget } from '@/lib/attention/types';
import { useCountText } from '../quantities';
import { RelativeTime } from '../time';
import { FindingItems } from './finding-items';
import { RepairLink } from './repair-link';
import { SeverityBadge, severityEdge } from './severity';

const UNITS = {
  hanging_batches: 'batches',
  lost_jobs: 'jobs',
  unserved_queues: 'queues',
  late_jobs: 'queues',
  overdue_cron: 'keys',
  failing_classes: 'classes',
  discarded_callbacks: 'jobs',
  schema_gaps: 'items',
  stalled_runs: 'runs',
  interrupted_jobs: 'jobs',
  paused_jobs: 'pauses',
  stale_statistics: 'tables',
} as const satisfies Record<FindingKind, string>;

/** One finding: how bad, how many, since when and why; the first of it, its repair, and where the rest is. */
export function FindingSection({
  finding,
  readyMinutes,
  onAsk,
}: {
  finding: Finding;
  readyMinutes: number;
  onAsk: (target: RepairTarget) => void;
}) {
  const t = useTranslations('attention');
  const { kind, severity, since, count, repair, where } = finding;
  const countText = useCountText()(count);
  const heading = `finding-${kind}`;
  const all: RepairTarget | null =
    repair === 'check_batches' || repair === 'release_jobs' ? { repair, ids: null } : null;
  return (
    <section
      aria-labelledby={heading}
      data-finding={kind}
      className={`rounded-md border border-l-4 border-line ${severityEdge(severity)}`}
    >
      <div className="px-3 pt-2.5 pb-2">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <SeverityBadge severity={severity} />
          <h2 id={heading} className="text-base font-semibold">
            {t(`kinds.${kind}`)}
          </h2>
          <span title={countText.title}>
            {t(`units.${UNITS[kind]}`, {
              count: count.kind === 'unknown' ? 0 : count.count,
              number: countText.text,
            })}
          </span>
          {since && (
            <span className="text-[13px] text-soft">
              {t.rich('since', { time: () => <RelativeTime iso={since} /> })}
            </span>
          )}
        </div>
        <p className="mt-1 max-w-4xl">{t(`why.${kind}`, { minutes: readyMinutes })}</p>
      </div>
      <FindingItems finding={finding} onAsk={onAsk} />
      {(all || where) && (
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2 border-t border-line px-3 py-2">
          {all && (
            <RepairLink
              target={all}
              text={t(`repairs.${all.repair}.allMenu`)}
              primary
              onAsk={onAsk}
            />
          )}
          {where && kind !== 'schema_gaps' && kind !== 'stale_statistics' && (
            <Link href={where} prefetch={false} className="text-accent">
              {t(`where.${kind}`)}
            </Link>
          )}
        </div>
      )}
    </section>
  );
}
