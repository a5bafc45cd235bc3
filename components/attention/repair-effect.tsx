import { useTranslations } from 'next-intl';
import type { RepairTarget } from '@/lib/attention/types';
import { Link } from '../link';

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
