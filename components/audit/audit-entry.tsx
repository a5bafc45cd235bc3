import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import {
  type AuditOutcome,
  type AuditRow,
  MAX_NAMED_TARGETS,
  MAX_ROWS,
  NOT_RECORDED,
  omitsRows,
  type RowChange,
} from '@/lib/audit/types';
import { escapeBidi } from '@/lib/core/text';
import { filterParts } from '@/lib/jobs/links';
import { FilterParts } from '../jobs/filter-parts';
import { Link } from '../navigation';
import { useCount } from '../quantities';
import { AbsoluteTime } from '../time';
import { Icon, type IconName } from '../ui/icon';

const AUDIT_GRID =
  '@4xl:grid @4xl:grid-cols-[12rem_minmax(0,12rem)_minmax(0,1fr)_minmax(0,16rem)] @4xl:gap-x-4';

type Translate = ReturnType<typeof useTranslations>;

/** The translated name, or the name itself: a newer console may have written the record. */
function translateName(t: Translate, prefix: string, name: string): string {
  const key = `${prefix}.${name}` as never;
  return t.has(key) ? t(key) : name;
}

/** One audit record: time, viewer, action and outcome; the details expand. */
export function AuditEntry({
  row,
  self,
  note,
}: {
  row: AuditRow;
  self?: string;
  note?: ReactNode;
}) {
  const t = useTranslations();
  const count = useCount();
  const counts = Object.entries(row.counts).map(([name, n]) =>
    t.has(`audit.counts.${name}` as never)
      ? t(`audit.counts.${name}` as never, { number: count(n) } as never)
      : `${name}: ${count(n)}`,
  );
  return (
    <li className="@container px-3 py-2" data-audit={row.id}>
      <div className={AUDIT_GRID}>
        <p>
          <AbsoluteTime iso={row.createdAt} />
        </p>
        <p className="min-w-0 any-break">
          <Link
            href={`/audit?${new URLSearchParams({ viewer: row.viewer })}`}
            prefetch={false}
            className="text-ink no-underline hover:underline"
          >
            {escapeBidi(row.viewer)}
          </Link>{' '}
          <span className="text-sm text-soft">
            {[row.viewerName, row.viewerEmail]
              .filter((text) => text && text !== row.viewer)
              .join(' ')}{' '}
            {t('audit.inRole', { role: translateName(t, 'audit.roles', row.role) })}
          </span>
        </p>
        <div className="min-w-0">
          <p className="font-semibold">{translateName(t, 'audit.actions', row.action)}</p>
          <AuditTarget row={row} self={self} />
          {row.reason !== null && (
            <p className="whitespace-pre-wrap any-break">
              <span className="text-sm text-soft">{t('audit.reason')}</span> {row.reason}
            </p>
          )}
        </div>
        <div className="min-w-0 @max-4xl:mt-1">
          <p className="flex flex-wrap items-center gap-x-2">
            <OutcomeBadge outcome={row.outcome} />
            {!(row.outcome === 'done' && row.counts.done === 1) && (
              <span className="text-sm">{counts.join(' · ')}</span>
            )}
          </p>
          {row.error !== null && <p className="mt-0.5 text-sm">{codeText(t, row.error)}</p>}
          {note}
        </div>
      </div>
      <Details row={row} />
    </li>
  );
}

/**
 * Translates an ErrorCode of lib/core/errors.ts, the code of a refused row, or a code that only the
 * audit uses.
 */
function codeText(t: Translate, code: string): string {
  const prefix = ['errors', 'outcomes.refused', 'audit.codes'].find((candidate) =>
    t.has(`${candidate}.${code}` as never),
  );
  return prefix ? translateName(t, prefix, code) : code;
}

function Details({ row }: { row: AuditRow }) {
  const t = useTranslations('audit');
  return (
    <details className="mt-0.5">
      <summary className="w-fit text-sm text-soft">{t('showDetails')}</summary>
      <div className="mt-1 rounded-md bg-sunken px-3 py-2">
        <p className="text-sm">
          <span className="text-soft">{t('requestId')}</span>{' '}
          <Link
            href={`/audit?${new URLSearchParams({ request_id: row.requestId })}`}
            prefetch={false}
            className="font-mono break-all text-accent"
          >
            {row.requestId}
          </Link>
        </p>
        {row.targetIds.length > 3 && row.targetType === 'job' && <AuditTarget row={row} all />}
        <AuditChanges changes={row.changes} />
        {row.tooLarge && <p className="mt-1 text-sm text-soft">{t('tooLarge')}</p>}
        {omitsRows(row) && (
          <p className="mt-1 text-sm text-soft">{t('noChanges', { number: MAX_ROWS })}</p>
        )}
        {row.details !== null && (
          <>
            <p className="mt-2 text-sm text-soft">{t('otherDetails')}</p>
            <pre className="font-mono text-xs whitespace-pre-wrap any-break">{row.details}</pre>
          </>
        )}
      </div>
    </details>
  );
}

const OUTCOME_STYLES: Record<AuditOutcome, [icon: IconName, classes: string]> = {
  done: ['succeeded', 'px-0 text-soft'],
  mixed: ['warning', 'bg-warn-wash text-warn'],
  unchanged: ['info', 'px-0 text-soft'],
  refused: ['close', 'bg-danger-wash text-danger'],
  failed: ['warning', 'bg-danger-wash text-danger'],
  started: ['running', 'bg-running-wash text-running'],
};

function OutcomeBadge({ outcome }: { outcome: AuditOutcome }) {
  const t = useTranslations('audit.outcomes');
  const [icon, classes] = OUTCOME_STYLES[outcome];
  return (
    <span className={`badge ${classes}`}>
      <Icon name={icon} className="size-3.5" />
      {t(outcome)}
    </span>
  );
}

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** The changed fields of each row, with the value before and after. */
function AuditChanges({ changes }: { changes: RowChange[] }) {
  const t = useTranslations('audit');
  const renderValue = (text: string | null) => {
    if (text === null) return <span className="text-soft">–</span>;
    if (text === NOT_RECORDED) return <span className="text-soft">{t('notRecorded')}</span>;
    return ISO.test(text) ? (
      <AbsoluteTime iso={text} />
    ) : (
      <span className="font-mono text-xs whitespace-pre-wrap any-break">{text}</span>
    );
  };
  return changes.map(({ id, isDeleted, fields }) => (
    <div key={id} className="mt-2">
      <p className="text-sm">
        <span className="font-mono break-all">{id}</span>
        {isDeleted && <span className="text-danger"> {t('deleted')}</span>}
      </p>
      <table
        aria-label={t('changesOf', { id })}
        className="mt-1 w-full table-fixed border-collapse text-sm max-sm:[&_time]:whitespace-normal"
      >
        <thead className="text-left text-soft">
          <tr>
            <th scope="col" className="w-2/6 py-0.5 pr-3 font-normal">
              {t('field')}
            </th>
            <th scope="col" className="py-0.5 pr-3 font-normal">
              {t('before')}
            </th>
            {!isDeleted && (
              <th scope="col" className="py-0.5 font-normal">
                {t('after')}
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {fields.map(({ name, before, after }) => (
            <tr key={name} className="border-t border-line align-top">
              <th
                scope="row"
                className="py-0.5 pr-3 text-left font-mono text-xs font-normal any-break"
              >
                {name || t('wholeRow')}
              </th>
              <td className="py-0.5 pr-3 any-break">{renderValue(before)}</td>
              {!isDeleted && <td className="py-0.5 any-break">{renderValue(after)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  ));
}

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
function AuditTarget({ row, self, all = false }: { row: AuditRow; self?: string; all?: boolean }) {
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
            <span className="inline-block max-w-full font-mono text-xs break-all text-faint">
              {id}
            </span>
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
