'use client';

import dynamic from 'next/dynamic';
import { usePathname, useSearchParams } from 'next/navigation';
import { type Messages, NextIntlClientProvider } from 'next-intl';
import { type ReactNode, useEffect, useState } from 'react';
import { BROWSER_ZONE_COOKIE, canonicalZone, type Locale } from '@/lib/core/locale';
import { setPreferenceCookie } from '../display-settings';

interface Props {
  now: Date;
  timeZone: string;
  children: ReactNode;
}

/**
 * Creates a provider from a file of messages/client, which has no type because the build writes its
 * content.
 */
const providerOf =
  (locale: Locale) =>
  ({ default: messages }: { default: object }) => ({
    default: function LanguageProvider(props: Props) {
      return <NextIntlClientProvider locale={locale} messages={messages as Messages} {...props} />;
    },
  });

// One script per language, so that a browser loads and caches only the viewer's language.
const LANGUAGES = {
  en: dynamic(() => import('@/messages/client/en.json').then(providerOf('en'))),
  ja: dynamic(() => import('@/messages/client/ja.json').then(providerOf('ja'))),
};

/**
 * Provides the messages of the viewer's language that every page needs in the browser, and the
 * time zone.
 */
export function ClientMessages({
  locale,
  zone,
  ...props
}: Omit<Props, 'timeZone'> & { locale: Locale; zone: Parameters<typeof usePageZone>[0] }) {
  const Language = LANGUAGES[locale];
  return <Language {...props} timeZone={usePageZone(zone)} />;
}

export const browserZone = (): string =>
  canonicalZone(Intl.DateTimeFormat().resolvedOptions().timeZone);

/**
 * Returns the time zone of the page, and stores the browser's zone for the server. With
 * `usesBrowserZone` it changes to that zone with the next page, because a change of the visible
 * times would flicker.
 */
function usePageZone({
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
