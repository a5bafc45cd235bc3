'use client';

import { MoreMessages } from '../i18n/more-messages';
import { BulkBar, type BulkBarProps } from './bulk-bar';

/** The bar with its messages, for a page that loads both after its list. */
export default function LazyBulkBar(props: BulkBarProps) {
  return (
    <MoreMessages>
      <BulkBar {...props} />
    </MoreMessages>
  );
}
