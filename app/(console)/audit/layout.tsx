import type { ReactNode } from 'react';
import { AuditMessages } from '@/components/i18n/more-messages';

export default function Layout({ children }: { children: ReactNode }) {
  return <AuditMessages>{children}</AuditMessages>;
}
