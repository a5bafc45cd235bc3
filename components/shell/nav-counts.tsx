import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import type { NavigationCounts } from '@/lib/navigation/counts';
import { useCountText } from '../quantities';

/** A count in the navigation, hidden from screen readers because each page states its own count. */
function NavCount({
  children,
  title,
  isDanger = false,
}: {
  children: ReactNode;
  title: string;
  isDanger?: boolean;
}) {
  return (
    <span
      aria-hidden="true"
      title={title}
      className={`text-[12px] font-normal ${isDanger ? 'font-semibold text-danger' : 'text-soft'}`}
    >
      {children}
    </span>
  );
}

const PAGES_BY_COUNT = {
  jobs: 'jobs',
  batches: 'batches',
  processes: 'processes',
  cron: 'cron_entries',
  pauses: 'pauses',
  discarded: 'cleaner',
} as const;

/** The counts of the navigation by page, as in GoodJob's dashboard. */
export function useNavCounts(counts: NavigationCounts | null): Partial<Record<string, ReactNode>> {
  const t = useTranslations('navCounts');
  const countText = useCountText();
  if (!counts) return {};
  const { jobs, batches, discarded, processes, pauses, cron } = counts;
  const renderCount = (name: 'jobs' | 'batches' | 'discarded', count: typeof jobs) => (
    <NavCount title={t(name, { number: countText(count).text })}>{countText(count).text}</NavCount>
  );
  return {
    [PAGES_BY_COUNT.jobs]: renderCount('jobs', jobs),
    [PAGES_BY_COUNT.batches]: renderCount('batches', batches),
    [PAGES_BY_COUNT.processes]: processes !== null && (
      <NavCount title={t('processes', { count: processes })} isDanger={processes === 0}>
        {processes}
      </NavCount>
    ),
    [PAGES_BY_COUNT.cron]: cron.enabled + cron.disabled > 0 && (
      <NavCount title={t('cron', cron)}>
        {cron.disabled > 0 ? `${cron.enabled}/${cron.enabled + cron.disabled}` : cron.enabled}
      </NavCount>
    ),
    [PAGES_BY_COUNT.pauses]: pauses > 0 && (
      <NavCount title={t('pauses', { count: pauses })}>{pauses}</NavCount>
    ),
    [PAGES_BY_COUNT.discarded]: renderCount('discarded', discarded),
  };
}
