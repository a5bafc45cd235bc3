import type { ReactNode } from 'react';
import { AuditMessages } from '@/components/audit/audit-messages';

export default function Layout({ children }: { children: ReactNode }) {
  return <AuditMessages>{children}</AuditMessages>;
}
