import { useTranslations } from 'next-intl';
import type { Check } from '@/lib/attention/types';
import { Icon } from '../ui/icon';

function resultOf(check: Check): 'clear' | 'unknown' | 'standby' {
  if (check.result === 'clear') return 'clear';
  return check.result === 'unknown' && check.reason === 'standby' ? 'standby' : 'unknown';
}

/** The checks that found nothing, and those whose result is unknown. */
export function CheckResults({ checks }: { checks: Check[] }) {
  const t = useTranslations('attention');
  const checksWithoutFinding = checks.filter(({ result }) => result !== 'found');
  if (checksWithoutFinding.length === 0) return null;
  return (
    <section aria-labelledby="checked" className="mt-6">
      <h2 id="checked" className="mb-1.5 text-sm font-semibold text-soft">
        {t('checked')}
      </h2>
      <ul className="grid gap-x-6 gap-y-1 sm:grid-cols-2 xl:grid-cols-3">
        {checksWithoutFinding.map((check) => (
          <li
            key={check.kind}
            data-check={check.kind}
            data-result={check.result}
            className="flex items-start gap-1.5 text-sm"
          >
            <Icon
              name={check.result === 'clear' ? 'succeeded' : 'help'}
              className={`mt-0.5 size-3.5 ${check.result === 'clear' ? 'text-succeeded' : 'text-warn'}`}
            />
            <span>
              {t(`kinds.${check.kind}`)}
              <span className={check.result === 'clear' ? 'sr-only' : 'block text-warn'}>
                {' '}
                {t(`results.${resultOf(check)}`)}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
