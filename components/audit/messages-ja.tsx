'use client';

import more from '@/messages/client/ja.audit.json';
import type { MoreProps } from '../shell/more-messages';

export default function MessagesJa({ With, children }: MoreProps) {
  return <With more={more}>{children}</With>;
}
