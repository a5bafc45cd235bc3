import type { Metadata, Viewport } from 'next';
import { headers } from 'next/headers';
import { getLocale, getNow, getTimeZone, getTranslations } from 'next-intl/server';
import type { ReactNode } from 'react';
import { ClientMessages } from '@/components/i18n/client-messages';
import { Providers } from '@/components/providers';
import { NoSignInWarning } from '@/components/shell/banners';
import { env } from '@/lib/config/environment';
import { currentApplication } from '@/lib/context/request-context';
import { PREFERENCES, ZONE_SOURCE_HEADER, parseZoneSource } from '@/lib/core/locale';
import { applicationName } from '@/lib/core/urls';
import './globals.css';

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations('app');
  const name = applicationName(currentApplication()) ?? t('name');
  return {
    title: { default: name, template: `%s – ${name}` },
    robots: { index: false, follow: false },
  };
}

export const viewport: Viewport = { width: 'device-width', initialScale: 1 };

export default async function RootLayout({ children }: { children: ReactNode }) {
  const [locale, now, timeZone, request] = await Promise.all([
    getLocale(),
    getNow(),
    getTimeZone(),
    headers(),
  ]);
  const source = parseZoneSource(request.get(ZONE_SOURCE_HEADER));
  const zone = {
    serverZone: timeZone,
    usesBrowserZone: source !== 'choice' && source !== 'configuration',
    basePath: env().basePath,
  };
  return (
    <html
      lang={locale}
      data-theme={request.get(PREFERENCES.theme.header) ?? 'auto'}
      data-density={request.get(PREFERENCES.density.header) ?? 'comfortable'}
    >
      <body>
        <NoSignInWarning />
        <ClientMessages locale={locale === 'ja' ? 'ja' : 'en'} now={now} zone={zone}>
          <Providers application={currentApplication()} minPollSeconds={env().liveFloorSeconds}>
            {children}
          </Providers>
        </ClientMessages>
      </body>
    </html>
  );
}
