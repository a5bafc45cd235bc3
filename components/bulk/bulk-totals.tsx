import { useTranslations } from 'next-intl';
import { OUTCOMES, type OutcomeCounts, type OutcomeName } from '@/lib/bulk/types';
import { useCount } from '../quantities';
import { Icon, type IconName } from '../ui/icon';

const STATE_STYLES: Record<OutcomeName, { icon: IconName; className: string }> = {
  done: { icon: 'succeeded', className: 'text-succeeded' },
  conflict: { icon: 'warning', className: 'text-warn' },
  locked: { icon: 'running', className: 'text-warn' },
  missing: { icon: 'discarded', className: 'text-soft' },
  refused: { icon: 'warning', className: 'text-danger' },
};

/** Job counts by outcome, without those that are zero, except `done`. */
export function BulkTotals({ counts }: { counts: OutcomeCounts }) {
  const t = useTranslations('bulk.outcomes');
  const count = useCount();
  return (
    <ul className="flex flex-wrap gap-x-4 gap-y-1">
      {OUTCOMES.filter((outcome) => outcome === 'done' || (counts[outcome] ?? 0) > 0).map(
        (outcome) => (
          <li
            key={outcome}
            data-outcome={outcome}
            className={`inline-flex items-center gap-1 ${STATE_STYLES[outcome].className}`}
          >
            <Icon name={STATE_STYLES[outcome].icon} className="size-3.5" />
            {t(outcome)} <strong>{count(counts[outcome] ?? 0)}</strong>
          </li>
        ),
      )}
    </ul>
  );
}
