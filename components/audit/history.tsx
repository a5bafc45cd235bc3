import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import type { History as Records, HistoryRow } from '@/lib/audit/types';
import { Link } from '../navigation';
import { AuditEntry } from './audit-entry';

/** The audit records of one job or batch, newest first; null without the console's schema. */
export function History({ id, history }: { id: string; history: Records | null }) {
  const t = useTranslations('audit');
  if (!history) return <p className="text-soft">{t('needsSchema')}</p>;
  const { rows, hasMore, hasUnlistedRuns } = history;
  const link = (chunks: ReactNode) => (
    <Link href="/bulk" prefetch={false} className="text-accent">
      {chunks}
    </Link>
  );
  return (
    <>
      {rows.length === 0 ? (
        <p className="text-soft">{t('history.none')}</p>
      ) : (
        <ul
          aria-label={t('history.title')}
          className="divide-y divide-line rounded-lg border border-line bg-raised"
        >
          {rows.map((row) => (
            <AuditEntry
              key={row.id}
              row={row}
              self={id}
              note={row.sample && <Sample sample={row.sample} />}
            />
          ))}
        </ul>
      )}
      <p className="mt-1 flex flex-wrap gap-x-4 text-sm">
        {rows.length > 0 && (
          <Link href={`/audit?target=${id}`} prefetch={false} className="text-accent">
            {t('history.all')}
            {hasMore && ' …'}
          </Link>
        )}
        {hasUnlistedRuns && (
          <span className="text-soft">{t.rich('history.unlistedRuns', { link })}</span>
        )}
      </p>
    </>
  );
}

/** Says why a bulk run skipped the job. */
function Sample({ sample: { outcome, code } }: { sample: NonNullable<HistoryRow['sample']> }) {
  const t = useTranslations();
  const outcomeName = t.has(`bulk.outcomes.${outcome}` as never)
    ? t(`bulk.outcomes.${outcome}` as never)
    : outcome;
  const refusal =
    code !== null && t.has(`outcomes.refused.${code}` as never)
      ? t(`outcomes.refused.${code}` as never)
      : null;
  return (
    <p className="mt-0.5 text-sm">
      {refusal ?? t('audit.history.sample', { outcome: outcomeName })}
    </p>
  );
}
