'use client';

import { type ReactNode, createContext, useContext } from 'react';
import type { Denial, Permission } from '@/lib/auth/permissions';

/** What this viewer may not do, and why; a permission that is absent is given. Mirrors what the mutations enforce. */
export type Denials = Partial<Record<Permission, Denial>>;

const Context = createContext<Denials>({});
const BulkRunsContext = createContext(false);
const ReasonRequiredContext = createContext(false);

/** `bulkRuns`: the console has its own schema to keep runs in. `reasonRequired`: AUDIT_REASON=required. */
export function PermissionsProvider({ denials, bulkRuns, reasonRequired, children }: { denials: Denials; bulkRuns: boolean; reasonRequired: boolean; children: ReactNode }) {
  return (
    <Context value={denials}>
      <BulkRunsContext value={bulkRuns}>
        <ReasonRequiredContext value={reasonRequired}>{children}</ReasonRequiredContext>
      </BulkRunsContext>
    </Context>
  );
}

export function useDenials(): Denials {
  return useContext(Context);
}

/** Whether everything that matches a filter can be acted on; without, only selected rows. */
export function useBulkRuns(): boolean {
  return useContext(BulkRunsContext);
}

/** Whether an act without a reason is refused. */
export function useReasonRequired(): boolean {
  return useContext(ReasonRequiredContext);
}
