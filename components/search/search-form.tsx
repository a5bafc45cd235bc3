import { useTranslations } from 'next-intl';
import { currentApplication } from '@/lib/context/request-context';
import { href } from '@/lib/core/urls';
import { buttonClass } from '../ui/button';
import type { ChipTerm } from './query-terms';

/** The search without JavaScript, as one text field. */
export function SearchForm({
  path,
  params,
  chips,
}: {
  path: string;
  params: Record<string, string>;
  chips: ChipTerm[];
}) {
  const t = useTranslations('search');
  return (
    <form
      role="search"
      action={href(currentApplication(), path)}
      className="no-js-only mb-3 flex flex-wrap gap-2"
    >
      {['state', 'sort', 'limit'].flatMap((name) =>
        params[name] ? [<input key={name} type="hidden" name={name} value={params[name]} />] : [],
      )}
      <input
        name="q"
        aria-label={t('label')}
        defaultValue={chips.map(({ text }) => text).join(' ')}
        autoComplete="off"
        spellCheck={false}
        className="control min-h-9 min-w-0 flex-1 basis-64 font-mono text-sm"
      />
      <button type="submit" className={`${buttonClass('primary')} min-h-9`}>
        {t('search')}
      </button>
    </form>
  );
}
