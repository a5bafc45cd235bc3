'use client';

import { useTranslations } from 'next-intl';
import { gatewayCode } from '@/components/requests';
import { Button } from '@/components/ui/button';

/** Replaces a page that failed to render; the server has logged the error. */
export default function ErrorPage({
  error,
  retry,
}: {
  error: Error & { digest?: string };
  retry: () => void;
}) {
  const t = useTranslations('errors');
  const code = gatewayCode(error);
  return (
    <div className="mx-auto max-w-2xl py-10" role="alert">
      <h1 className="text-xl font-semibold">{t('title')}</h1>
      <p className="mt-3">{t(code ?? 'unexpected')}</p>
      {error.digest && (
        <p className="mt-2 text-sm text-soft">{t('reference', { id: error.digest })}</p>
      )}
      <Button
        className="mt-4"
        onClick={code === 'console_updated' ? () => window.location.reload() : retry}
      >
        {t('retry')}
      </Button>
    </div>
  );
}
