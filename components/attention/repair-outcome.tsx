import { useTranslations } from 'next-intl';
import type { Repair, RepairResult } from '@/lib/attention/types';
import { Link } from '../link';
import { useCount } from '../quantities';
import { Icon } from '../ui/icon';

const OTHER_OUTCOMES = ['conflict', 'locked', 'missing', 'refused'] as const;

/** The result of a repair: how many rows were repaired, and why the others were not. */
export function RepairOutcome({
  repair,
  counts,
  notDone = [],
}: {
  repair: Repair;
  counts: RepairResult['counts'];
  notDone?: RepairResult['failures'];
}) {
  const t = useTranslations();
  const number = useCount();
  const done = counts.done ?? 0;
  const otherOutcomes = OTHER_OUTCOMES.filter((outcome) => (counts[outcome] ?? 0) > 0);
  const isComplete = otherOutcomes.length === 0;
  return (
    <div className="card px-3 py-2" data-repaired={repair}>
      <p className={`flex items-start gap-1.5 ${isComplete ? 'text-succeeded' : 'text-warn'}`}>
        <Icon name={isComplete ? 'succeeded' : 'warning'} className="mt-[3px]" />
        {t(`attention.repairs.${repair}.done`, { count: done, number: number(done) })}
      </p>
      {otherOutcomes.length > 0 && (
        <ul className="mt-1 ml-5.5 list-disc pl-4">
          {otherOutcomes.map((outcome) => (
            <li key={outcome}>
              {t(`attention.notDone.${outcome}`, {
                count: counts[outcome] ?? 0,
                number: number(counts[outcome] ?? 0),
              })}
            </li>
          ))}
        </ul>
      )}
      {notDone.length > 0 && (
        <details className="mt-1 ml-5.5">
          <summary>{t('attention.notDoneList')}</summary>
          <ul className="mt-1">
            {notDone.map((row) => (
              <li key={row.id}>
                <Link
                  href={`/${repair === 'check_batches' ? 'batches' : 'jobs'}/${row.id}`}
                  prefetch={false}
                  className="font-mono text-sm break-all"
                >
                  {row.id}
                </Link>{' '}
                {row.outcome === 'refused' && t(`outcomes.refused.${row.code}`)}
                {row.outcome !== 'refused' &&
                  row.outcome !== 'done' &&
                  t(`bulk.outcomes.${row.outcome}`)}
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}
