import type { Metadata, Viewport } from 'next';
import { NextIntlClientProvider } from 'next-intl';
import { getLocale, getMessages, getTranslations } from 'next-intl/server';
import { headers } from 'next/headers';
import type { ReactNode } from 'react';
import { Providers } from '@/components/providers';
import { env } from '@/lib/env';
import { PREFERENCES } from '@/lib/i18n/locales';
import './globals.css';

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations('app');
  return { title: { default: t('name'), template: `%s – ${t('name')}` }, robots: { index: false, follow: false } };
}

export const viewport: Viewport = { width: 'device-width', initialScale: 1 };

/** Namespaces that only server components speak; the browser need not load them. */
const SERVER_ONLY = new Set(['door', 'banners', 'notFound', 'timeline', 'job', 'app']);

export default async function RootLayout({ children }: { children: ReactNode }) {
  const [locale, request, messages] = await Promise.all([getLocale(), headers(), getMessages()]);
  const forClient = Object.fromEntries(Object.entries(messages).filter(([namespace]) => !SERVER_ONLY.has(namespace)));
  return (
    <html lang={locale} data-theme={request.get(PREFERENCES.theme.header) ?? 'auto'}>
      <body>
        <NextIntlClientProvider messages={forClient}>
          <Providers basePath={env().basePath}>{children}</Providers>
        </NextIntlClientProvider>
      </body>
    </html>
  );
}
