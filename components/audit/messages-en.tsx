'use client';

import more from '@/messages/client/en.audit.json';
import type { MoreProps } from '../shell/more-messages';

export default function MessagesEn({ With, children }: MoreProps) {
  return <With more={more}>{children}</With>;
}
