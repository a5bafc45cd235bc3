'use client';

import { type ReactNode, createContext, useContext, useMemo } from 'react';
import type { Denial, Permission } from '@/lib/auth/roles';

/**
 * The permissions that the viewer lacks, each with the reason, as the mutations enforce them. A
 * permission that is absent here is granted.
 */
export type DenialMap = Partial<Record<Permission, Denial>>;

const Context = createContext<DenialMap>({});
const BulkRunsContext = createContext({ available: false, limit: 0 });
const ReasonRequiredContext = createContext(false);

interface ProviderProps {
  denials: DenialMap;
  /** Whether the console's schema can store bulk runs. */
  bulkRuns: boolean;
  /** Maximum rows of a run without the permission `bulk.large`. */
  bulkLimit: number;
  /** Whether AUDIT_REASON=required. */
  reasonRequired: boolean;
  children: ReactNode;
}

export function PermissionsProvider({
  denials,
  bulkRuns,
  bulkLimit,
  reasonRequired,
  children,
}: ProviderProps) {
  const bulk = useMemo(() => ({ available: bulkRuns, limit: bulkLimit }), [bulkRuns, bulkLimit]);
  return (
    <Context value={denials}>
      <BulkRunsContext value={bulk}>
        <ReasonRequiredContext value={reasonRequired}>{children}</ReasonRequiredContext>
      </BulkRunsContext>
    </Context>
  );
}

export function useDenials(): DenialMap {
  return useContext(Context);
}

/** Whether an action may target all jobs of a filter; otherwise only selected rows. */
export function useCanStoreBulkRuns(): boolean {
  return useContext(BulkRunsContext).available;
}

/** Maximum rows of a run of this viewer; null for no limit. */
export function useBulkLimit(): number | null {
  const { limit } = useContext(BulkRunsContext);
  return useDenials()['bulk.large'] === 'forbidden' ? limit : null;
}

/** Whether every action needs a reason. */
export function useReasonRequired(): boolean {
  return useContext(ReasonRequiredContext);
}
