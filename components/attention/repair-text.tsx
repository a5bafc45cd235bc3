import { useTranslations } from 'next-intl';
import type { Repair, RepairResult, RepairTarget } from '@/lib/attention/types';
import type { Permission } from '@/lib/auth/roles';
import { Link } from '../navigation';
import { useCount } from '../quantities';
import { Icon } from '../ui/icon';

/** Describes the effect of a repair and its target. */
export function RepairEffect({ target }: { target: RepairTarget }) {
  const t = useTranslations('attention');
  return (
    <>
      <p className="mt-2">{t(`repairs.${target.repair}.effect`)}</p>
      <dl className="mt-3 flex flex-wrap gap-x-2">
        <dt className="text-soft">{t('target')}</dt>
        <dd className="min-w-0 any-break">
          <TargetText target={target} />
        </dd>
      </dl>
    </>
  );
}

function TargetText({ target }: { target: RepairTarget }) {
  const t = useTranslations('attention');
  if ('by' in target)
    return t.rich(`pausedBy.${target.by}`, {
      name: () => <span className="font-mono">{target.name}</span>,
    });
  const { ids, repair } = target;
  if (ids === null) return t(`repairs.${repair}.all`);
  return (
    <ul>
      {ids.map((id) => (
        <li key={id}>
          <Link
            href={`/${repair === 'check_batches' ? 'batches' : 'jobs'}/${id}`}
            prefetch={false}
            className="font-mono text-sm break-all"
          >
            {id}
          </Link>
        </li>
      ))}
    </ul>
  );
}

/** The target as hidden inputs of the confirmation page's form. */
export function TargetInputs({ target }: { target: RepairTarget }) {
  return (
    <>
      <input type="hidden" name="repair" value={target.repair} />
      {'by' in target ? (
        <>
          <input type="hidden" name="by" value={target.by} />
          <input type="hidden" name="name" value={target.name} />
        </>
      ) : (
        target.ids?.map((id) => <input key={id} type="hidden" name="id" value={id} />)
      )}
    </>
  );
}

/** Mirrors the permission that each repair's mutation enforces. */
export const REPAIR_PERMISSIONS = {
  check_batches: 'batch.check',
  release_jobs: 'job.release',
  unpause: 'pause.unpause',
  drop_end: 'pause.drop_end',
} as const satisfies Record<Repair, Permission>;

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
