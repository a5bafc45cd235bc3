'use client';

import { useTranslations } from 'next-intl';
import type { JobState } from '@/lib/good-job/types';
import { useCountText } from '../quantities';
import { useTabCounts } from './tab-counts';

/** The number of jobs in the list. `query` is the filter without the state. */
export function ListCount({ state, query }: { state: JobState | null; query: string }) {
  const t = useTranslations('counts');
  const countText = useCountText();
  const count = useTabCounts(query, state)?.list;
  if (!count || count.kind === 'unknown') return null;
  const { number, title } = countText(count);
  return (
    <span title={title} className="whitespace-nowrap text-soft">
      {t(`jobs.${count.kind}`, { count: count.count, number })}
    </span>
  );
}
