'use client';

import { useRef } from 'react';
import type { BulkRun } from '@/lib/bulk/types';
import type { Page } from '@/lib/core/search-params';
import { useHref } from '../application';
import { fetchJson } from '../fetch-json';
import { RefreshNote } from '../polling/refresh-note';
import { usePollingQuery, useOnScreen } from '../polling/use-polling-query';
import { RunList } from './run-list';

export function NoRuns({ text }: { text: string }) {
  return (
    <div className="rounded-md border border-dashed border-line-strong px-4 py-6 text-center text-soft">
      {text}
    </div>
  );
}

/** A page of bulk runs, polled. `query` is the page's URL query. */
export function PolledRunList({
  initial,
  query,
  label,
  empty,
}: {
  initial: Page<BulkRun>;
  query: string;
  label: string;
  empty: string;
}) {
  const href = useHref();
  const list = useRef<HTMLDivElement>(null);
  const onScreen = useOnScreen(list);
  const endpoint = `/api/bulk${query ? `?${query}` : ''}`;
  const {
    data = initial,
    error,
    dataUpdatedAt,
  } = usePollingQuery<Page<BulkRun>>({
    key: [endpoint],
    fetch: (signal) => fetchJson<Page<BulkRun>>(href(endpoint), signal),
    initial,
    enabled: onScreen,
  });
  return (
    <div ref={list}>
      {data.rows.length === 0 ? <NoRuns text={empty} /> : <RunList page={data} label={label} />}
      {error && <RefreshNote at={dataUpdatedAt} error={error} />}
    </div>
  );
}
