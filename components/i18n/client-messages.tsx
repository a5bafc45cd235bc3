'use client';

import dynamic from 'next/dynamic';
import { type Messages, NextIntlClientProvider } from 'next-intl';
import type { ReactNode } from 'react';
import type { Locale } from '@/lib/core/locale';
import { usePageZone } from './use-page-zone';

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
