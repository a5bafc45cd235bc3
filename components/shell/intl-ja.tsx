'use client';

import { NextIntlClientProvider } from 'next-intl';
import type { ReactNode } from 'react';
import messages from '@/messages/ja.json';

/** The browser loads the messages once, as a script, not with every page. */
export function IntlJa({ now, timeZone, children }: { now: Date; timeZone: string; children: ReactNode }) {
  return (
    <NextIntlClientProvider locale="ja" messages={messages} now={now} timeZone={timeZone}>
      {children}
    </NextIntlClientProvider>
  );
}
