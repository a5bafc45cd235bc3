import { usePathname, useSearchParams } from 'next/navigation';
import { useEffect, useState } from 'react';
import { BROWSER_ZONE_COOKIE, canonicalZone } from '@/lib/core/locale';
import { setPreferenceCookie } from '../preference-cookie';

export const browserZone = (): string =>
  canonicalZone(Intl.DateTimeFormat().resolvedOptions().timeZone);

/**
 * Returns the time zone of the page, and stores the browser's zone for the server. With
 * `usesBrowserZone` it changes to that zone with the next page, because a change of the visible
 * times would flicker.
 */
export function usePageZone({
  serverZone,
  usesBrowserZone,
  basePath,
}: {
  serverZone: string;
  usesBrowserZone: boolean;
  basePath: string;
}): string {
  const page = `${usePathname()}?${useSearchParams()}`;
  const [firstPage] = useState(page);
  const [hasNavigated, setNavigated] = useState(false);
  if (!hasNavigated && page !== firstPage) setNavigated(true);
  useEffect(() => {
    const zone = browserZone();
    const cookie = `${BROWSER_ZONE_COOKIE}=${encodeURIComponent(zone)}`;
    if (document.cookie.split('; ').includes(cookie)) return;
    setPreferenceCookie(BROWSER_ZONE_COOKIE, zone, basePath);
  }, [basePath]);
  return usesBrowserZone && hasNavigated ? browserZone() : serverZone;
}
