'use client';

import { useTranslations } from 'next-intl';
import { usePace } from '../live';

/** How often lists refresh by themselves: in the header, kept in this browser. */
export function LiveSelect() {
  const t = useTranslations('live');
  const { seconds, choices, setSeconds } = usePace();
  return (
    <label
      className="js-only flex items-center gap-1.5 rounded-md px-1.5 text-sm text-soft focus-within:text-ink hover:text-ink"
      title={seconds > 0 ? t('on', { seconds }) : t('off')}
    >
      <span
        aria-hidden="true"
        className={`size-2 rounded-full ${seconds > 0 ? 'bg-succeeded' : 'bg-line-strong'}`}
      />
      <span className="max-sm:sr-only">{t('label')}</span>
      <select
        value={seconds}
        onChange={(event) => setSeconds(Number(event.target.value))}
        className="control cursor-pointer px-1 py-0.5 text-ink"
      >
        {choices.map((choice) => (
          <option key={choice} value={choice}>
            {choice === 0 ? t('never') : t('seconds', { seconds: choice })}
          </option>
        ))}
      </select>
    </label>
  );
}
