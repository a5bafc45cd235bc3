'use client';

import { useTranslations } from 'next-intl';

/** Says that the action did not run, because the page is from another release than the server. */
export function ConsoleUpdated() {
  return (
    <p role="alert" className="mt-2 text-danger">
      {useTranslations('errors')('console_updated')}
    </p>
  );
}
