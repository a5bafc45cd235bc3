import { useTranslations } from 'next-intl';
import { type AuditRow, MAX_NAMED_TARGETS } from '@/lib/audit/types';
import { filterParts } from '@/lib/jobs/links';
import { FilterParts } from '../jobs/filter-parts';
import { Link } from '../link';
import { useCount } from '../quantities';

const PATHS = { job: '/jobs', batch: '/batches', bulk_run: '/bulk' } as const;
const NAMED_PATHS = {
  queue: (name: string) => `/jobs?${new URLSearchParams({ queue_name: name })}`,
  job_class: (name: string) => `/jobs?${new URLSearchParams({ job_class: name })}`,
  label: (name: string) => `/jobs?${new URLSearchParams({ label: name })}`,
  cron_key: (name: string) => `/cron_entries/${encodeURIComponent(name)}`,
} as const;

const LINK_CLASS = 'font-mono text-sm break-all text-accent';

/**
 * The target of an audit record, linked. `self` is the id of the page that shows the record, so it
 * is not linked; `all` lists every id.
 */
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
  const classes = row.targetClasses;
  if (type === 'none') return null;
  if (type !== 'job' && type !== 'batch' && type !== 'bulk_run')
    return name === null ? null : (
      <span className="any-break">
        <span className="text-soft">{t(`targets.${type}`)}</span>{' '}
        <Link href={NAMED_PATHS[type](name)} prefetch={false} className={LINK_CLASS}>
          {name}
        </Link>
      </span>
    );
  const visibleIds = all ? ids : ids.slice(0, MAX_NAMED_TARGETS);
  const linkedIds = type === 'bulk_run' ? visibleIds.slice(0, 1) : visibleIds;
  return (
    <span className="block min-w-0">
      {filter !== null && (
        <FilterText filter={filter} batchId={type === 'bulk_run' ? (ids[1] ?? null) : null} />
      )}
      {filter === null && type === 'job' && ids.length > 1 && (
        <span className="text-soft">{t('targets.jobs', { number: count(ids.length) })}</span>
      )}
      {linkedIds
        .filter((id) => id !== self || ids.length > 1)
        .map((id) => (
          <Link
            key={id}
            href={`${PATHS[type]}/${id}`}
            prefetch={false}
            className="block min-w-0 text-ink no-underline hover:text-accent hover:underline"
          >
            {classes[id] !== undefined && (
              <span className="mr-2 font-mono font-medium any-break">{classes[id]}</span>
            )}
            <span className="font-mono text-xs break-all text-faint">{id}</span>
          </Link>
        ))}
      {ids.length > visibleIds.length && type === 'job' && (
        <span className="text-sm text-soft">
          {t('more', { number: count(ids.length - visibleIds.length) })}
        </span>
      )}
      {bulkRun !== null && bulkRun !== ids[0] && (
        <Link href={`/bulk/${bulkRun}`} prefetch={false} className="block text-sm text-accent">
          {t('bulkRun')}
        </Link>
      )}
    </span>
  );
}

/** The target of a record that selected its jobs by a filter. */
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
      {batchId && <span className="block font-mono text-xs break-all">{batchId}</span>}
      <FilterParts query={filter} />
    </span>
  );
}
