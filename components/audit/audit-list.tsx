'use client';

import { useTranslations } from 'next-intl';
import { useRef } from 'react';
import type { AuditRow } from '@/lib/audit/types';
import type { Page } from '@/lib/core/search-params';
import { useHref } from '../application';
import { fetchJson } from '../fetch-json';
import { Pager } from '../pager';
import { RefreshNote } from '../polling/refresh-note';
import { usePollingQuery, useOnScreen } from '../polling/use-polling-query';
import { AUDIT_GRID, AuditEntry } from './audit-entry';

interface Props {
  endpoint: string;
  initial: Page<AuditRow>;
  params: Record<string, string>;
  empty: string;
}

/** A page of the audit log. Only the first page polls: older records rarely change. */
export function AuditList({ endpoint, initial, params, empty }: Props) {
  const t = useTranslations('audit');
  const href = useHref();
  const list = useRef<HTMLDivElement>(null);
  const onScreen = useOnScreen(list);
  const {
    data = initial,
    error,
    dataUpdatedAt,
  } = usePollingQuery({
    key: [endpoint],
    fetch: (signal) => fetchJson<Page<AuditRow>>(href(endpoint), signal),
    initial,
    enabled: onScreen && initial.previous === null,
  });
  return (
    <div ref={list}>
      {data.rows.length === 0 ? (
        <div className="rounded-md border border-dashed border-line-strong px-4 py-6 text-center text-soft">
          {empty}
        </div>
      ) : (
        <div className="rounded-md border border-line">
          <div
            aria-hidden="true"
            className={`border-b border-line bg-sunken px-3 py-1.5 text-sm text-soft max-lg:hidden ${AUDIT_GRID}`}
          >
            <div>{t('when')}</div>
            <div>{t('who')}</div>
            <div>{t('what')}</div>
            <div>{t('result')}</div>
          </div>
          <ul aria-label={t('title')} className="divide-y divide-line">
            {data.rows.map((row) => (
              <AuditEntry key={row.id} row={row} />
            ))}
          </ul>
        </div>
      )}
      <div className="mt-2 flex flex-wrap items-center justify-between gap-2">
        <Pager path="/audit" params={params} previous={data.previous} next={data.next} />
        {error && <RefreshNote at={dataUpdatedAt} error={error} />}
      </div>
    </div>
  );
}
