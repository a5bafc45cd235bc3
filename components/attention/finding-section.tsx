'use client';

import { useTranslations } from 'next-intl';
import type { Finding, FindingKind, RepairTarget } from '@/lib/attention/types';
import { Link } from '../link';
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
  late_pause_ends: 'pauses',
  interrupted_jobs: 'jobs',
  paused_jobs: 'pauses',
  stale_statistics: 'tables',
} as const satisfies Record<FindingKind, string>;

/**
 * One finding: severity, count, age and cause, its first items, its repair, and a link to the rest.
 */
export function FindingSection({
  finding,
  readyMinutes,
  onRepair,
}: {
  finding: Finding;
  readyMinutes: number;
  onRepair: (target: RepairTarget) => void;
}) {
  const t = useTranslations('attention');
  const { kind, severity, since, count, repair, href } = finding;
  const countText = useCountText()(count);
  const headingId = `finding-${kind}`;
  const allTarget: RepairTarget | null =
    repair === 'check_batches' || repair === 'release_jobs' ? { repair, ids: null } : null;
  return (
    <section
      aria-labelledby={headingId}
      data-finding={kind}
      className={`card border-l-4 ${severityEdge(severity)}`}
    >
      <div className="px-3 pt-2.5 pb-2">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <SeverityBadge severity={severity} />
          <h2 id={headingId} className="text-base font-semibold">
            {t(`kinds.${kind}`)}
          </h2>
          <span title={countText.title}>
            {t(`units.${UNITS[kind]}`, {
              count: count.kind === 'unknown' ? 0 : count.count,
              number: countText.text,
            })}
          </span>
          {since && (
            <span className="text-sm text-soft">
              {t.rich('since', { time: () => <RelativeTime iso={since} /> })}
            </span>
          )}
        </div>
        <p className="mt-1 max-w-4xl">{t(`why.${kind}`, { minutes: readyMinutes })}</p>
      </div>
      <FindingItems finding={finding} onRepair={onRepair} />
      {(allTarget || href) && (
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2 border-t border-line px-3 py-2">
          {allTarget && (
            <RepairLink
              target={allTarget}
              text={t(`repairs.${allTarget.repair}.allMenu`)}
              primary
              onRepair={onRepair}
            />
          )}
          {href && kind !== 'schema_gaps' && kind !== 'stale_statistics' && (
            <Link href={href} prefetch={false} className="text-accent">
              {t(`where.${kind}`)}
            </Link>
          )}
        </div>
      )}
    </section>
  );
}
