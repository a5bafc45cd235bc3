import { useTranslations } from 'next-intl';
import type { Check } from '@/lib/attention/types';
import { Icon } from '../ui/icon';

/** What was looked for and is not there, and what could not be found out. */
export function Checked({ checks }: { checks: Check[] }) {
  const t = useTranslations('attention');
  const others = checks.filter(({ result }) => result !== 'found');
  if (others.length === 0) return null;
  return (
    <section aria-labelledby="checked" className="mt-6">
      <h2 id="checked" className="mb-1.5 text-[13px] font-semibold text-soft">
        {t('checked')}
      </h2>
      <ul className="grid gap-x-6 gap-y-1 sm:grid-cols-2 xl:grid-cols-3">
        {others.map(({ kind, result }) => (
          <li
            key={kind}
            data-check={kind}
            data-result={result}
            className="flex items-start gap-1.5 text-[13px]"
          >
            <Icon
              name={result === 'clear' ? 'succeeded' : 'help'}
              className={`mt-0.5 size-3.5 ${result === 'clear' ? 'text-succeeded' : 'text-warn'}`}
            />
            <span>
              {t(`kinds.${kind}`)}
              <span className={result === 'clear' ? 'sr-only' : 'block text-warn'}>
                {' '}
                {t(`results.${result === 'clear' ? 'clear' : 'unknown'}`)}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
