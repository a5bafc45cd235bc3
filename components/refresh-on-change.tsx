'use client';

import { useRouter } from 'next/navigation';
import { useEffect } from 'react';
import { fetchJson } from './fetch-json';
import { useLive } from './live';
import { RefreshNote } from './refresh-note';
import { useLiveQuery } from './use-live-query';

interface Version {
  version: string;
}

/**
 * Polls the version of a page that the server renders, and has the page rendered again when it has changed. The page
 * itself is not polled: where a server is down, Next replaces a page that it cannot refresh by an error of the browser.
 */
export function RefreshOnChange({ endpoint, version }: { endpoint: string; version: string }) {
  const router = useRouter();
  const { basePath } = useLive();
  const { data, error, dataUpdatedAt } = useLiveQuery<Version>({
    key: [endpoint],
    fetch: (signal) => fetchJson<Version>(basePath + endpoint, signal),
    initial: { version },
  });
  const isGone = error?.message === 'not_found';
  // Without `version`, which an own action makes newer than the last poll: that would render the page a second time.
  useEffect(() => {
    if (isGone || (data && data.version !== version)) router.refresh();
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [data, isGone]);
  return error && !isGone ? <RefreshNote at={dataUpdatedAt} error={error} /> : null;
}
