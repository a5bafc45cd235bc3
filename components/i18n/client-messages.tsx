'use client';

import dynamic from 'next/dynamic';
import { type Messages, NextIntlClientProvider } from 'next-intl';
import type { ReactNode } from 'react';
import type { Locale } from '@/lib/core/locale';

interface Props {
  now: Date;
  timeZone: string;
  children: ReactNode;
}

/** Makes a provider of a file of messages/client, which the build fills: here it has no type. */
const providerOf =
  (locale: Locale) =>
  ({ default: messages }: { default: object }) => ({
    default: function LanguageProvider(props: Props) {
      return <NextIntlClientProvider locale={locale} messages={messages as Messages} {...props} />;
    },
  });

// A script per language: a browser loads only its own, and caches it.
const LANGUAGES = {
  en: dynamic(() => import('@/messages/client/en.json').then(providerOf('en'))),
  ja: dynamic(() => import('@/messages/client/ja.json').then(providerOf('ja'))),
};

/** Provides the messages of the viewer's language that every page needs in the browser. */
export function Intl({ locale, ...props }: Props & { locale: Locale }) {
  const Language = LANGUAGES[locale];
  return <Language {...props} />;
}
