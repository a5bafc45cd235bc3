import { useTranslations } from 'next-intl';
import { type Application, href } from '@/lib/core/urls';
import { buttonClass } from './ui/button';

/** The page of an unknown URL. Next loads its scripts with every page, so it has none. */
export function NotFound({ application }: { application: Application }) {
  const t = useTranslations('notFound');
  return (
    <div className="mx-auto max-w-2xl py-10">
      <h1 className="text-xl font-semibold">{t('title')}</h1>
      <p className="mt-3">{t('text')}</p>
      <p className="mt-4 flex gap-2">
        <a href={href(application, '/jobs')} className={buttonClass()}>
          {t('jobs')}
        </a>
        <a href={href(application, '/batches')} className={buttonClass()}>
          {t('batches')}
        </a>
      </p>
    </div>
  );
}
