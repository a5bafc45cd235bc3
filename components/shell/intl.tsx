'use client';

import { NextIntlClientProvider } from 'next-intl';
import dynamic from 'next/dynamic';
import type { ReactNode } from 'react';
import type { Locale } from '@/lib/i18n/locales';

interface Props {
  now: Date;
  timeZone: string;
  children: ReactNode;
}

/** The provider is handed on, so that a language's script is its messages and nothing else. */
export interface LanguageProps extends Props {
  Provider: typeof NextIntlClientProvider;
}

// Each language is a script of its own: a browser loads one.
const LANGUAGES = {
  en: dynamic(() => import('./intl-en')),
  ja: dynamic(() => import('./intl-ja')),
};

/** What client components need to speak the reader's language. */
export function Intl({ locale, ...props }: Props & { locale: Locale }) {
  const Language = LANGUAGES[locale];
  return <Language Provider={NextIntlClientProvider} {...props} />;
}
