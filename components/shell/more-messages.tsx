'use client';

import dynamic from 'next/dynamic';
import { type Messages, NextIntlClientProvider, useLocale, useMessages } from 'next-intl';
import type { ComponentType, ReactNode } from 'react';
import { orMissing } from '../ui/lazy-script';

interface WithProps {
  more: object;
  children: ReactNode;
}

export interface MoreProps {
  With: ComponentType<WithProps>;
  children: ReactNode;
}

const MORE = {
  en: dynamic(() => import('./more-en').catch(orMissing)),
  ja: dynamic(() => import('./more-ja').catch(orMissing)),
};

/** Adds to the words that are there. */
export function With({ more, children }: WithProps) {
  const messages = useMessages();
  return (
    <NextIntlClientProvider locale={useLocale()} messages={{ ...messages, ...more } as Messages}>
      {children}
    </NextIntlClientProvider>
  );
}

/** Around what speaks of batches and bulk runs: words that the list of jobs does without at first. */
export function MoreMessages({ children }: { children: ReactNode }) {
  const More = MORE[useLocale()];
  return <More With={With}>{children}</More>;
}
