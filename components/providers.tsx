'use client';

import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { ConsoleUpdated } from './console-updated';
import { PollingProvider } from './polling/polling-provider';
import { MissingScriptProvider } from './ui/lazy-script';

/** The contexts of all client components. */
export function Providers({
  basePath,
  minPollSeconds,
  children,
}: {
  basePath: string;
  minPollSeconds: number;
  children: ReactNode;
}) {
  const [client] = useState(
    () =>
      new QueryClient({ defaultOptions: { queries: { retry: 1, refetchOnWindowFocus: false } } }),
  );
  return (
    <QueryClientProvider client={client}>
      <PollingProvider basePath={basePath} minSeconds={minPollSeconds}>
        <MissingScriptProvider value={<ConsoleUpdated />}>{children}</MissingScriptProvider>
      </PollingProvider>
    </QueryClientProvider>
  );
}
