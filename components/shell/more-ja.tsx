'use client';

import more from '@/messages/client/ja.more.json';
import type { MoreProps } from './more-messages';

export default function MoreJa({ With, children }: MoreProps) {
  return <With more={more}>{children}</With>;
}
