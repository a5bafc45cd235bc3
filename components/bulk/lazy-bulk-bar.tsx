'use client';

import { MoreMessages } from '../shell/more-messages';
import { BulkBar, type BulkBarProps } from './bulk-bar';

/** The bar with the words that it speaks, for a page that loads both after its list. */
export default function LazyBulkBar(props: BulkBarProps) {
  return (
    <MoreMessages>
      <BulkBar {...props} />
    </MoreMessages>
  );
}
