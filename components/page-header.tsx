import type { ReactNode } from 'react';
import { LiveControl } from './polling/live-control';

/** The header of a page: its title, a count beside it, and at the right its tools. */
export function PageHeader({
  title,
  count,
  children,
}: {
  title: ReactNode;
  count?: ReactNode;
  /** Filters and tools, before the live state. */
  children?: ReactNode;
}) {
  return (
    <header className="mb-2 flex min-h-12 flex-wrap items-center gap-x-3 gap-y-1">
      <h1 className="max-w-full min-w-0 text-xl font-semibold any-break">{title}</h1>
      {count !== undefined && <div className="text-soft">{count}</div>}
      <div className="ml-auto flex max-w-full min-w-0 flex-wrap items-center gap-2">
        {children}
        <LiveControl />
      </div>
    </header>
  );
}
