'use client';

import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { type ReactNode, useState } from 'react';
import type { Application } from '@/lib/core/urls';
import { ApplicationProvider } from './application';
import { PollingProvider } from './polling/polling-provider';
import { ToastProvider } from './toasts';
import { MissingScriptProvider } from './ui/lazy-script';

/** The contexts of all client components. */
export function Providers({
  application,
  minPollSeconds,
  children,
}: {
  application: Application;
  minPollSeconds: number;
  children: ReactNode;
}) {
  const [client] = useState(
    () =>
      new QueryClient({ defaultOptions: { queries: { retry: 1, refetchOnWindowFocus: false } } }),
  );
  return (
    <QueryClientProvider client={client}>
      <ApplicationProvider value={application}>
        <PollingProvider minSeconds={minPollSeconds}>
          <MissingScriptProvider value={<ConsoleUpdated />}>
            <ToastProvider>{children}</ToastProvider>
          </MissingScriptProvider>
        </PollingProvider>
      </ApplicationProvider>
    </QueryClientProvider>
  );
}

/** Says that the action did not run, because the page is from another release than the server. */
function ConsoleUpdated() {
  return (
    <p role="alert" className="mt-2 text-danger">
      {useTranslations('errors')('console_updated')}
    </p>
  );
}
