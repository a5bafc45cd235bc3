'use client';

import more from '@/messages/client/en.more.json';
import type { MoreProps } from './more-messages';

export default function MoreEn({ With, children }: MoreProps) {
  return <With more={more}>{children}</With>;
}
