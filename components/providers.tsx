'use client';

import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { ConsoleUpdated } from './console-updated';
import { LiveProvider } from './live';
import { MissingScriptProvider } from './ui/lazy-script';

/** What client components need around them. */
export function Providers({
  basePath,
  liveFloor,
  children,
}: {
  basePath: string;
  liveFloor: number;
  children: ReactNode;
}) {
  const [client] = useState(
    () =>
      new QueryClient({ defaultOptions: { queries: { retry: 1, refetchOnWindowFocus: false } } }),
  );
  return (
    <QueryClientProvider client={client}>
      <LiveProvider basePath={basePath} floor={liveFloor}>
        <MissingScriptProvider value={<ConsoleUpdated />}>{children}</MissingScriptProvider>
      </LiveProvider>
    </QueryClientProvider>
  );
}
