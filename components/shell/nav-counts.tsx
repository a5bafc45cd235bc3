import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import type { NavigationCounts } from '@/lib/navigation/counts';
import { useCountText } from '../quantities';

/** A number beside a name of the navigation. Each page says it again in words, so that nobody need hear eleven links with their numbers. */
function NavCount({
  children,
  title,
  loud = false,
}: {
  children: ReactNode;
  title: string;
  loud?: boolean;
}) {
  return (
    <span
      aria-hidden="true"
      title={title}
      className={`text-[12px] font-normal ${loud ? 'font-semibold text-danger' : 'text-soft'}`}
    >
      {children}
    </span>
  );
}

const PAGE_OF = {
  jobs: 'jobs',
  batches: 'batches',
  processes: 'processes',
  cron: 'cron_entries',
  pauses: 'pauses',
  discarded: 'cleaner',
} as const;

/** The numbers of the navigation by page, as GoodJob's own has them: no process at all is loud, no pause says nothing. */
export function useNavCounts(counts: NavigationCounts | null): Partial<Record<string, ReactNode>> {
  const t = useTranslations('navCounts');
  const text = useCountText();
  if (!counts) return {};
  const { jobs, batches, discarded, processes, pauses, cron } = counts;
  const of = (name: 'jobs' | 'batches' | 'discarded', count: typeof jobs) => (
    <NavCount title={t(name, { number: text(count).text })}>{text(count).text}</NavCount>
  );
  return {
    [PAGE_OF.jobs]: of('jobs', jobs),
    [PAGE_OF.batches]: of('batches', batches),
    [PAGE_OF.processes]: processes !== null && (
      <NavCount title={t('processes', { count: processes })} loud={processes === 0}>
        {processes}
      </NavCount>
    ),
    [PAGE_OF.cron]: cron.enabled + cron.disabled > 0 && (
      <NavCount title={t('cron', cron)}>
        {cron.disabled > 0 ? `${cron.enabled}/${cron.enabled + cron.disabled}` : cron.enabled}
      </NavCount>
    ),
    [PAGE_OF.pauses]: pauses > 0 && (
      <NavCount title={t('pauses', { count: pauses })}>{pauses}</NavCount>
    ),
    [PAGE_OF.discarded]: of('discarded', discarded),
  };
}
