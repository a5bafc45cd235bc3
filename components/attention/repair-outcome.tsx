import Link from 'next/link';
import { useTranslations } from 'next-intl';
import type { Repair, RepairResult } from '@/lib/attention/types';
import { useCount } from '../quantities';
import { Icon } from '../ui/icon';

const NOT_DONE = ['conflict', 'locked', 'missing', 'refused'] as const;

/** What a repair came to: how many, and why the others were left alone. */
export function RepairOutcome({
  repair,
  counts,
  notDone = [],
}: {
  repair: Repair;
  counts: RepairResult['counts'];
  notDone?: RepairResult['notDone'];
}) {
  const t = useTranslations();
  const number = useCount();
  const done = counts.done ?? 0;
  const left = NOT_DONE.filter((outcome) => (counts[outcome] ?? 0) > 0);
  const good = left.length === 0;
  return (
    <div className="rounded-md border border-line bg-sunken px-3 py-2" data-repaired={repair}>
      <p className={`flex items-start gap-1.5 ${good ? 'text-succeeded' : 'text-warn'}`}>
        <Icon name={good ? 'succeeded' : 'warning'} className="mt-[3px]" />
        {t(`attention.repairs.${repair}.done`, { count: done, number: number(done) })}
      </p>
      {left.length > 0 && (
        <ul className="mt-1 ml-5.5 list-disc pl-4">
          {left.map((outcome) => (
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
            {notDone.map((one) => (
              <li key={one.id}>
                <Link
                  href={`/${repair === 'check_batches' ? 'batches' : 'jobs'}/${one.id}`}
                  prefetch={false}
                  className="font-mono text-[13px] break-all"
                >
                  {one.id}
                </Link>{' '}
                {one.outcome === 'refused'
                  ? t(`outcomes.refused.${one.code}`)
                  : one.outcome === 'done'
                    ? null
                    : t(`bulk.outcomes.${one.outcome}`)}
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}
