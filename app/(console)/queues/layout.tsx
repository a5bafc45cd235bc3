import type { ReactNode } from 'react';
import { MoreMessages } from '@/components/i18n/more-messages';

export default function Layout({ children }: { children: ReactNode }) {
  return <MoreMessages>{children}</MoreMessages>;
}
