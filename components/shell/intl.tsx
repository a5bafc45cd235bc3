'use client';

import dynamic from 'next/dynamic';
import { type Messages, NextIntlClientProvider } from 'next-intl';
import type { ComponentType, ReactNode } from 'react';
import type { Locale } from '@/lib/core/locale';

interface Props {
  now: Date;
  timeZone: string;
  children: ReactNode;
}

interface WithProps extends Props {
  locale: Locale;
  /** What the build makes of a file in messages/client; to the compiler it is the file. */
  messages: object;
}

/** The provider is handed on, so that a language's script is its messages and nothing else. */
export interface LanguageProps extends Props {
  With: ComponentType<WithProps>;
}

// Each language is a script of its own: a browser loads one.
const LANGUAGES = {
  en: dynamic(() => import('./intl-en')),
  ja: dynamic(() => import('./intl-ja')),
};

function With({ messages, ...props }: WithProps) {
  return <NextIntlClientProvider messages={messages as Messages} {...props} />;
}

/** What client components need to speak the reader's language. */
export function Intl({ locale, ...props }: Props & { locale: Locale }) {
  const Language = LANGUAGES[locale];
  return <Language With={With} {...props} />;
}
