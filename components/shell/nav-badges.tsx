import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import type { AttentionCount } from '@/lib/attention/queries';
import type { Badges, NavigationCounts } from '@/lib/navigation/counts';
import { useCountText } from '../quantities';
import { Icon } from '../ui/icon';
import type { NavPage } from './pages';
import { useBadges } from './use-badges';

const SEVERITY_CLASSES: Record<AttentionCount['severity'], string> = {
  critical: 'bg-alarm text-on-alarm',
  warning: 'bg-warn-wash text-warn',
  notice: 'bg-queued-wash text-queued',
};

/** The badges of the navigation by page: what a viewer can act on. */
export function useNavBadges(initialBadges: Badges | null): Partial<Record<NavPage, ReactNode>> {
  const badges = useBadges(initialBadges);
  const { attention, counts } = badges;
  return {
    attention: attention && <AttentionBadge attention={attention} />,
    ...(counts ? countBadges(counts) : {}),
  };
}

function AttentionBadge({ attention }: { attention: AttentionCount }) {
  const t = useTranslations('navCounts');
  const { findings, severity } = attention;
  return (
    <span
      data-attention-count=""
      className={`nav-badge rounded-full px-1.5 font-semibold ${SEVERITY_CLASSES[severity]}`}
    >
      {findings}
      <span className="sr-only"> {t('findings', { count: findings })}</span>
    </span>
  );
}

function countBadges(counts: NavigationCounts): Partial<Record<NavPage, ReactNode>> {
  const { openBatches, pauses, processes, runs } = counts;
  const hasOpenBatches = openBatches.kind !== 'unknown' && openBatches.count > 0;
  return {
    batches: hasOpenBatches && <OpenBatches count={openBatches} />,
    queues: pauses > 0 && <NumberBadge name="pauses" count={pauses} icon="paused" />,
    processes: processes === 0 && <NumberBadge name="processes" count={0} isDanger />,
    bulk: runs > 0 && <NumberBadge name="runs" count={runs} icon="running" />,
  };
}

function OpenBatches({ count }: { count: NavigationCounts['openBatches'] }) {
  const t = useTranslations('navCounts');
  const { text } = useCountText()(count);
  return (
    <span className="nav-badge" title={t('openBatches', { number: text })}>
      {text}
    </span>
  );
}

function NumberBadge({
  name,
  count,
  icon,
  isDanger = false,
}: {
  name: 'pauses' | 'processes' | 'runs';
  count: number;
  icon?: 'paused' | 'running';
  isDanger?: boolean;
}) {
  const t = useTranslations('navCounts');
  return (
    <span
      title={t(name, { count })}
      className={`nav-badge ${isDanger ? 'rounded-full bg-alarm px-1.5 font-semibold text-on-alarm' : ''}`}
    >
      {icon && <Icon name={icon} className="size-3" />}
      {count}
    </span>
  );
}
