import { useTranslations } from 'next-intl';
import { currentApplication } from '@/lib/context/request-context';
import { href } from '@/lib/core/urls';
import { Link } from '../navigation';
import { Button, buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';

/** Searches the batches: a plain GET form, so that it works without JavaScript. */
export function BatchSearch({
  q,
  params,
  clearHref,
}: {
  q: string;
  /** The other parameters of the list. */
  params: Record<string, string>;
  clearHref: string;
}) {
  const t = useTranslations();
  return (
    <form
      role="search"
      action={href(currentApplication(), '/batches')}
      className="mb-3 flex flex-wrap items-center gap-2"
    >
      {Object.entries(params).map(([name, value]) => (
        <input key={name} type="hidden" name={name} value={value} />
      ))}
      <div className="relative min-w-0 flex-1 basis-64 sm:max-w-xl">
        <Icon
          name="search"
          className="pointer-events-none absolute top-1/2 left-2.5 -translate-y-1/2 text-soft"
        />
        <input
          name="q"
          type="search"
          aria-label={t('batches.search')}
          placeholder={t('batches.placeholder')}
          defaultValue={q}
          maxLength={1000}
          autoComplete="off"
          spellCheck={false}
          enterKeyHint="search"
          className="control w-full pl-8"
        />
      </div>
      <Button type="submit">{t('search.search')}</Button>
      {q !== '' && (
        <Link href={clearHref} prefetch={false} className={buttonClass('quiet')}>
          {t('filter.clear')}
        </Link>
      )}
    </form>
  );
}
