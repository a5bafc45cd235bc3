import { useTranslations } from 'next-intl';
import type { RetryCounts as Counts } from '@/lib/bulk/types';
import { useCount } from '../quantities';

const PARTS = ['retried', 'succeeded', 'failed', 'waiting', 'removed'] as const;

/** What became of the jobs that a run has retried; only failures are coloured. */
export function RetryCounts({ counts }: { counts: Counts }) {
  const t = useTranslations('bulk.retries');
  const count = useCount();
  return (
    <ul aria-label={t('label')} className="flex flex-wrap gap-x-3 gap-y-1 text-sm">
      {PARTS.filter((part) => part !== 'removed' || counts.removed > 0).map((part) => (
        <li
          key={part}
          data-retries={part}
          className={part === 'failed' && counts.failed > 0 ? 'text-danger' : 'text-soft'}
        >
          {t(part, { number: count(counts[part]) })}
        </li>
      ))}
    </ul>
  );
}
