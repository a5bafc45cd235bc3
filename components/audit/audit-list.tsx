'use client';

import { useFormatter, useTranslations } from 'next-intl';
import { useRef } from 'react';
import type { AuditRow } from '@/lib/audit/types';
import type { Page } from '@/lib/core/urls';
import { useHref } from '../application';
import { Pager } from '../pager';
import { RefreshNote } from '../polling/polling-status';
import { usePollingQuery, useOnScreen } from '../polling/use-polling-query';
import { fetchJson } from '../requests';
import { AuditEntry } from './audit-entry';

interface Props {
  endpoint: string;
  initial: Page<AuditRow>;
  params: Record<string, string>;
  empty: string;
}

/** The records under a heading for each day of the viewer's time zone. */
function DayList({ rows }: { rows: AuditRow[] }) {
  const t = useTranslations('audit');
  const format = useFormatter();
  const days = new Map<string, AuditRow[]>();
  for (const row of rows) {
    const day = format.dateTime(new Date(row.createdAt), { dateStyle: 'full' });
    days.set(day, [...(days.get(day) ?? []), row]);
  }
  return [...days].map(([day, dayRows]) => (
    <section key={day} className="card mb-3">
      <h2
        className={
          'sticky top-0 rounded-t-lg border-b border-line bg-raised px-3 py-1.5 text-xs ' +
          'font-medium text-faint'
        }
      >
        {day}
      </h2>
      <ul aria-label={`${t('title')}, ${day}`} className="divide-y divide-line">
        {dayRows.map((row) => (
          <AuditEntry key={row.id} row={row} />
        ))}
      </ul>
    </section>
  ));
}

/** A page of the audit log. Only the first page polls: older records rarely change. */
export function AuditList({ endpoint, initial, params, empty }: Props) {
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
        <DayList rows={data.rows} />
      )}
      <div className="mt-2 flex flex-wrap items-center justify-between gap-2">
        <Pager path="/audit" params={params} previous={data.previous} next={data.next} />
        {error && <RefreshNote at={dataUpdatedAt} error={error} />}
      </div>
    </div>
  );
}
