import { useTranslations } from 'next-intl';
import type { ErrorCode } from '@/lib/core/errors';
import { Banner } from './ui/banner';
import { buttonClass } from './ui/button';

/** Replaces a page whose data could not be loaded. */
export function PageError({ code }: { code: ErrorCode }) {
  const t = useTranslations('errors');
  return (
    <div className="mx-auto max-w-2xl py-10">
      <h1 className="text-xl font-semibold">{t('title')}</h1>
      <div className="mt-3">
        <Banner tone="danger" role="alert">
          {t(code)}
        </Banner>
      </div>
      {/* An empty href reloads this page, also without JavaScript. */}
      <a href="" className={`${buttonClass()} mt-4`}>
        {t('retry')}
      </a>
    </div>
  );
}

/** Replaces a section whose data could not be loaded. */
export function SectionError({ code }: { code: ErrorCode }) {
  const t = useTranslations('errors');
  return (
    <Banner tone="warning" role="alert">
      <strong>{t('partial')}</strong> {t(code)}
    </Banner>
  );
}
