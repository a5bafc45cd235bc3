'use client';

import { MoreMessages } from '../i18n/more-messages';
import { BulkBar, type BulkBarProps, FilterActions } from './bulk-bar';

/** The bar of a selection with its messages, which a page loads after its list. */
export default function LazyBulkBar(props: BulkBarProps) {
  return (
    <MoreMessages>
      <BulkBar {...props} />
    </MoreMessages>
  );
}

/** The actions on all jobs of a filter with their messages. */
export function LazyFilterActions({ filterQuery }: { filterQuery: string }) {
  return (
    <MoreMessages>
      <FilterActions filterQuery={filterQuery} />
    </MoreMessages>
  );
}
