'use client';

import { type ReactNode, createContext, useContext, useMemo } from 'react';
import type { Denial, Permission } from '@/lib/auth/roles';

/** What this viewer may not do, and why; a permission that is absent is given. Mirrors what the mutations enforce. */
export type DenialMap = Partial<Record<Permission, Denial>>;

const Context = createContext<DenialMap>({});
const BulkRunsContext = createContext({ kept: false, limit: 0 });
const ReasonRequiredContext = createContext(false);

interface ProviderProps {
  denials: DenialMap;
  /** The console has its own schema to keep runs in. */
  bulkRuns: boolean;
  /** Rows of a run without `bulk.large`. */
  bulkLimit: number;
  /** AUDIT_REASON=required. */
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
  const bulk = useMemo(() => ({ kept: bulkRuns, limit: bulkLimit }), [bulkRuns, bulkLimit]);
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

/** Whether everything that matches a filter can be acted on; without, only selected rows. */
export function useBulkRuns(): boolean {
  return useContext(BulkRunsContext).kept;
}

/** Rows that a run of this viewer may have; null: any number. */
export function useBulkLimit(): number | null {
  const { limit } = useContext(BulkRunsContext);
  return useDenials()['bulk.large'] === 'forbidden' ? limit : null;
}

/** Whether an act without a reason is refused. */
export function useReasonRequired(): boolean {
  return useContext(ReasonRequiredContext);
}
