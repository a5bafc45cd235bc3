'use client';

import { useTranslations } from 'next-intl';
import { usePace } from '../live';

/** How often the page refreshes by itself: in the header, kept in this browser. A page that does not has no mark. */
export function LiveSelect() {
  const t = useTranslations('live');
  const { seconds, choices, setSeconds, isPolled, isHeld } = usePace();
  const isOn = seconds > 0;
  const heldOrOn = isHeld ? 'held' : 'on';
  const dot = isHeld ? 'bg-retried' : 'bg-succeeded';
  const onTitle = isHeld ? t('held') : t('on', { seconds });
  return (
    <div
      className={`js-only flex items-center gap-1.5 rounded-md px-1.5 text-sm text-soft focus-within:text-ink hover:text-ink ${isPolled ? '' : 'invisible'}`}
      title={isOn ? onTitle : t('off')}
      data-live={isOn && isPolled ? heldOrOn : 'off'}
    >
      {isOn && isHeld && <span className="text-warn max-sm:sr-only">{t('onHold')}</span>}
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
              {choice === 0 ? t('never') : t('seconds', { seconds: choice })}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}
