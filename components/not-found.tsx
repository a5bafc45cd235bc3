import { useTranslations } from 'next-intl';
import { Link } from './link';
import { buttonClass } from './ui/button';

export function NotFound() {
  const t = useTranslations('notFound');
  return (
    <div className="mx-auto max-w-2xl py-10">
      <h1 className="text-xl font-semibold">{t('title')}</h1>
      <p className="mt-3">{t('text')}</p>
      <p className="mt-4 flex gap-2">
        <Link href="/jobs" className={buttonClass()}>
          {t('jobs')}
        </Link>
        <Link href="/batches" className={buttonClass()}>
          {t('batches')}
        </Link>
      </p>
    </div>
  );
}
