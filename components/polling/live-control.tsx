'use client';

import { useTranslations } from 'next-intl';
import { usePollingSettings } from './polling-provider';

/** Says whether the page is live, and chooses its polling interval, stored in the browser. */
export function LiveControl() {
  const t = useTranslations('polling');
  const { seconds, choices, setSeconds, isPolled, isPaused } = usePollingSettings();
  const isOn = seconds > 0;
  const pausedOrOn = isPaused ? 'paused' : 'on';
  const dot = isPaused ? 'bg-retried' : 'bg-succeeded';
  const onTitle = isPaused ? t('pausedHint') : t('on', { seconds });
  return (
    <div
      className={
        'js-only flex items-center gap-1.5 rounded-md px-1.5 text-sm text-soft ' +
        'focus-within:text-ink hover:text-ink ' +
        (isPolled ? '' : 'invisible')
      }
      title={isOn ? onTitle : t('off')}
      data-polling={isOn && isPolled ? pausedOrOn : 'off'}
    >
      {isOn && isPaused && <span className="text-warn max-sm:sr-only">{t('paused')}</span>}
      <label className="flex items-center gap-1.5">
        <span
          aria-hidden="true"
          className={`size-2 rounded-full ${isOn ? dot : 'bg-line-strong'}`}
        />
        <span className="max-sm:sr-only">{t('label')}</span>
        <select
          value={seconds}
          onChange={(event) => setSeconds(Number(event.target.value))}
          className="control cursor-pointer px-1 py-0.5 text-ink"
        >
          {choices.map((choice) => (
            <option key={choice} value={choice}>
              {choice === 0 ? t('offOption') : t('seconds', { seconds: choice })}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}
