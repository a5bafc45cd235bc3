'use client';

import { NextIntlClientProvider } from 'next-intl';
import type { ReactNode } from 'react';
import messages from '@/messages/en.json';

/** The browser loads the messages once, as a script, not with every page. */
export function IntlEn({ now, timeZone, children }: { now: Date; timeZone: string; children: ReactNode }) {
  return (
    <NextIntlClientProvider locale="en" messages={messages} now={now} timeZone={timeZone}>
      {children}
    </NextIntlClientProvider>
  );
}
