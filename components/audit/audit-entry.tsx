import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { type AuditRow, MAX_ROWS, omitsRows } from '@/lib/audit/types';
import { escapeBidi } from '@/lib/core/text';
import { AbsoluteTime } from '../absolute-time';
import { Link } from '../link';
import { useCount } from '../quantities';
import { AuditChanges } from './audit-changes';
import { AuditTarget } from './audit-target';
import { OutcomeBadge } from './outcome-badge';

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
