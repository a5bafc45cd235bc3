'use client';

import dynamic from 'next/dynamic';
import { type Messages, NextIntlClientProvider, useLocale, useMessages } from 'next-intl';
import type { ReactNode } from 'react';
import { orMissingScript } from '../ui/lazy-script';

interface Props {
  children: ReactNode;
}

/** Creates a provider that adds a file of messages/client to the messages of the outer provider. */
const providerOf = ({ default: more }: { default: object }) => ({
  default: function MoreProvider({ children }: Props) {
    const messages = useMessages();
    return (
      <NextIntlClientProvider locale={useLocale()} messages={{ ...messages, ...more } as Messages}>
        {children}
      </NextIntlClientProvider>
    );
  },
});

const MORE = {
  en: dynamic(() =>
    import('@/messages/client/en.more.json').then(providerOf).catch(orMissingScript),
  ),
  ja: dynamic(() =>
    import('@/messages/client/ja.more.json').then(providerOf).catch(orMissingScript),
  ),
};

const AUDIT = {
  en: dynamic(() =>
    import('@/messages/client/en.audit.json').then(providerOf).catch(orMissingScript),
  ),
  ja: dynamic(() =>
    import('@/messages/client/ja.audit.json').then(providerOf).catch(orMissingScript),
  ),
};

const PALETTE = {
  en: dynamic(() =>
    import('@/messages/client/en.palette.json').then(providerOf).catch(orMissingScript),
  ),
  ja: dynamic(() =>
    import('@/messages/client/ja.palette.json').then(providerOf).catch(orMissingScript),
  ),
};

const OVERVIEW = {
  en: dynamic(() =>
    import('@/messages/client/en.overview.json').then(providerOf).catch(orMissingScript),
  ),
  ja: dynamic(() =>
    import('@/messages/client/ja.overview.json').then(providerOf).catch(orMissingScript),
  ),
};

/** Provides the messages that the job list does not need at first, such as those of batches. */
export function MoreMessages({ children }: Props) {
  const More = MORE[useLocale()];
  return <More>{children}</More>;
}

/** Provides the messages of the overview. */
export function OverviewMessages({ children }: Props) {
  const OverviewPart = OVERVIEW[useLocale()];
  return <OverviewPart>{children}</OverviewPart>;
}

/** Provides the audit messages, which no other page needs in the browser. */
export function AuditMessages({ children }: Props) {
  const Audit = AUDIT[useLocale()];
  return <Audit>{children}</Audit>;
}

/** Provides the messages of the palette and the sheet of keys. */
export function PaletteMessages({ children }: Props) {
  const Palette = PALETTE[useLocale()];
  return <Palette>{children}</Palette>;
}
