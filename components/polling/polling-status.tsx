'use client';

import { useFormatter, useNow, useTranslations } from 'next-intl';
import { useSyncExternalStore } from 'react';
import { gatewayCode } from '../requests';
import { buttonClass } from '../ui/button';
import { Panel } from '../ui/floating';
import { usePolling, usePollingSettings } from './polling-provider';

/** Says whether the page is live and how old its data is; opens the choice of the interval. */
export function LiveControl() {
  const t = useTranslations('polling');
  const { seconds, choices, setSeconds, isPolled, isPaused } = usePollingSettings();
  const pausedOrOn = isPaused ? 'paused' : 'on';
  const state = seconds > 0 ? pausedOrOn : 'off';
  const titles = { on: t('on', { seconds }), paused: t('pausedHint'), off: t('off') };
  const dots = { on: 'bg-succeeded', paused: 'bg-retried', off: 'bg-line-strong' };
  return (
    <div
      title={titles[state]}
      data-polling={isPolled ? state : 'off'}
      className={`js-only flex justify-end sm:min-w-40 ${isPolled ? '' : 'invisible'}`}
    >
      <Panel
        label={t('label')}
        name={null}
        className="p-3"
        buttonClassName={`${buttonClass('quiet')} px-2 font-normal`}
        button={
          <>
            <span aria-hidden="true" className={`dot ${dots[state]}`} />
            {/* Its own width, so that a poll moves nothing. */}
            <span className="text-left max-sm:sr-only sm:min-w-24">
              {state === 'on' ? <Age /> : t(state === 'off' ? 'offLabel' : 'paused')}
            </span>
          </>
        }
      >
        <label className="flex items-center gap-2">
          {t('label')}
          <select
            value={seconds}
            onChange={(event) => setSeconds(Number(event.target.value))}
            className="control cursor-pointer"
          >
            {choices.map((choice) => (
              <option key={choice} value={choice}>
                {choice === 0 ? t('offOption') : t('seconds', { seconds: choice })}
              </option>
            ))}
          </select>
        </label>
      </Panel>
    </div>
  );
}

/** How long ago the data on the screen was current. */
function Age() {
  const t = useTranslations('polling');
  const format = useFormatter();
  const { updates } = usePolling();
  const updatedAt = useSyncExternalStore(updates.subscribe, updates.get, () => 0);
  const now = useNow({ updateInterval: 1_000 });
  const ageMs = now.getTime() - updatedAt;
  if (updatedAt === 0 || ageMs < 1_000) return t('live');
  const age = format.relativeTime(updatedAt, { now, style: 'narrow' });
  return t('liveSince', { age: age.replace(/(\d) (?=[^\x00-\x7f])/g, '$1') });
}

/** Says that polling failed and when the data was current. `at` is in epoch ms. */
export function RefreshNote({ at, error }: { at: number; error: unknown }) {
  const t = useTranslations();
  const code = gatewayCode(error);
  const format = useFormatter();
  return (
    <p role="status" className="text-sm text-warn">
      {code && <>{t(`errors.${code}`)} </>}
      {t('polling.failed', {
        time: format.dateTime(new Date(at), {
          hour: '2-digit',
          minute: '2-digit',
          second: '2-digit',
          hourCycle: 'h23',
          timeZoneName: 'short',
        }),
      })}
    </p>
  );
}
