'use client';

import { useTranslations } from 'next-intl';

/** Says that the page is of another release than the server; nothing was done. */
export function ConsoleUpdated() {
  return (
    <p role="alert" className="mt-2 text-danger">
      {useTranslations('errors')('console_updated')}
    </p>
  );
}
