'use client';

import { useTranslations } from 'next-intl';

/** Says that the page is of another release than the server, so the action did not run. */
export function ConsoleUpdated() {
  return (
    <p role="alert" className="mt-2 text-danger">
      {useTranslations('errors')('console_updated')}
    </p>
  );
}
