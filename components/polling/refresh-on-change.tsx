'use client';

import { useRouter } from 'next/navigation';
import { useEffect, useEffectEvent } from 'react';
import { useHref } from '../application';
import { fetchJson } from '../requests';
import { RefreshNote } from './polling-status';
import { usePollingQuery } from './use-polling-query';

interface Version {
  version: string;
}

/**
 * Polls the version of a server-rendered page and refreshes the page when it changes. It does not
 * poll the page itself, because Next shows a browser error in place of a page that it cannot
 * refresh.
 */
export function RefreshOnChange({ endpoint, version }: { endpoint: string; version: string }) {
  const router = useRouter();
  const href = useHref();
  const { data, error, dataUpdatedAt } = usePollingQuery<Version>({
    key: [endpoint],
    fetch: (signal) => fetchJson<Version>(href(endpoint), signal),
    initial: { version },
  });
  const isDeleted = error?.message === 'not_found';
  // Only a poll triggers a refresh: after an action of the viewer the page is already newer than
  // the last poll.
  const onPoll = useEffectEvent((polled: Version | undefined, isRemoved: boolean) => {
    if (isRemoved || (polled && polled.version !== version)) router.refresh();
  });
  useEffect(() => onPoll(data, isDeleted), [data, isDeleted]);
  return error && !isDeleted ? <RefreshNote at={dataUpdatedAt} error={error} /> : null;
}
