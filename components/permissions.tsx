'use client';

import { type ReactNode, createContext, useContext } from 'react';
import type { Denial, Permission } from '@/lib/auth/permissions';

/** What this viewer may not do, and why; a permission that is absent is given. Mirrors what the mutations enforce. */
export type Denials = Partial<Record<Permission, Denial>>;

const Context = createContext<Denials>({});

export function PermissionsProvider({ denials, children }: { denials: Denials; children: ReactNode }) {
  return <Context value={denials}>{children}</Context>;
}

export function useDenials(): Denials {
  return useContext(Context);
}
