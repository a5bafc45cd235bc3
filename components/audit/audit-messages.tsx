'use client';

import dynamic from 'next/dynamic';
import { useLocale } from 'next-intl';
import type { ReactNode } from 'react';
import { With } from '../shell/more-messages';
import { orMissing } from '../ui/lazy-script';

const LANGUAGES = {
  en: dynamic(() => import('./messages-en').catch(orMissing)),
  ja: dynamic(() => import('./messages-ja').catch(orMissing)),
};

/** Around what speaks of the audit: words that no other page needs in a browser. */
export function AuditMessages({ children }: { children: ReactNode }) {
  const Language = LANGUAGES[useLocale()];
  return <Language With={With}>{children}</Language>;
}
