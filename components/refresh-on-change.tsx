'use client';

import { useRouter } from 'next/navigation';
import { useEffect, useEffectEvent } from 'react';
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
  // Only a poll triggers it: an action of the viewer makes `version` newer than the last poll, and has rendered the page.
  const onPoll = useEffectEvent((polled: Version | undefined, isRemoved: boolean) => {
    if (isRemoved || (polled && polled.version !== version)) router.refresh();
  });
  useEffect(() => onPoll(data, isGone), [data, isGone]);
  return error && !isGone ? <RefreshNote at={dataUpdatedAt} error={error} /> : null;
}
