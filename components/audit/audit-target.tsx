import Link from 'next/link';
import { useTranslations } from 'next-intl';
import type { AuditRow } from '@/lib/audit/types';
import { filterParts } from '@/lib/jobs/links';
import { FilterParts } from '../jobs/filter-parts';
import { useCount } from '../quantities';

/** Ids of a record that are shown before it is unfolded. */
const SHOWN = 3;

const PATHS = { job: '/jobs', batch: '/batches', bulk_run: '/bulk' } as const;
const NAMED = {
  queue: (name: string) => `/jobs?${new URLSearchParams({ queue_name: name })}`,
  job_class: (name: string) => `/jobs?${new URLSearchParams({ job_class: name })}`,
  label: (name: string) => `/jobs?${new URLSearchParams({ label: name })}`,
  cron_key: (name: string) => `/cron_entries/${encodeURIComponent(name)}`,
} as const;

const mono = 'font-mono text-[13px] break-all text-accent';

/** What it was done to, linked; `self`: the record stands on that one's own page. `all`: every id. */
export function AuditTarget({
  row,
  self,
  all = false,
}: {
  row: AuditRow;
  self?: string;
  all?: boolean;
}) {
  const t = useTranslations('audit');
  const count = useCount();
  const { targetType: type, targetIds: ids, targetName: name, filter, bulkRun } = row;
  if (type === 'none') return null;
  if (type !== 'job' && type !== 'batch' && type !== 'bulk_run')
    return name === null ? null : (
      <span className="any-break">
        <span className="text-soft">{t(`targets.${type}`)}</span>{' '}
        <Link href={NAMED[type](name)} prefetch={false} className={mono}>
          {name}
        </Link>
      </span>
    );
  const shown = all ? ids : ids.slice(0, SHOWN);
  const one = type === 'bulk_run' ? shown.slice(0, 1) : shown;
  return (
    <span className="block min-w-0">
      {filter !== null && (
        <FilterText filter={filter} batchId={type === 'bulk_run' ? (ids[1] ?? null) : null} />
      )}
      {filter === null && type === 'job' && ids.length > 1 && (
        <span className="text-soft">{t('targets.jobs', { number: count(ids.length) })}</span>
      )}
      {one
        .filter((id) => id !== self || ids.length > 1)
        .map((id) => (
          <Link key={id} href={`${PATHS[type]}/${id}`} prefetch={false} className={`block ${mono}`}>
            {id}
          </Link>
        ))}
      {ids.length > shown.length && type === 'job' && (
        <span className="text-[13px] text-soft">
          {t('more', { number: count(ids.length - shown.length) })}
        </span>
      )}
      {bulkRun !== null && bulkRun !== ids[0] && (
        <Link href={`/bulk/${bulkRun}`} prefetch={false} className="block text-[13px] text-accent">
          {t('bulkRun')}
        </Link>
      )}
    </span>
  );
}

/** The jobs of a filter, as its address has it. */
function FilterText({ filter, batchId }: { filter: string; batchId: string | null }) {
  const t = useTranslations('audit');
  const hasConditions = filterParts(filter).length > 0;
  return (
    <span className="block any-break">
      <Link
        href={`${batchId ? `/batches/${batchId}` : '/jobs'}${filter ? `?${filter}` : ''}`}
        prefetch={false}
        className="text-accent"
      >
        {t(hasConditions || batchId ? 'matching' : 'everyJob')}
      </Link>
      {batchId && <span className="block font-mono text-[12.5px] break-all">{batchId}</span>}
      <FilterParts query={filter} />
    </span>
  );
}
