'use client';

import { useTimeZone, useTranslations } from 'next-intl';
import { useState } from 'react';
import { presetTime } from '@/lib/core/locale';
import { END_MINUTES, type EndPreset, type PausePreview, type PauseRow } from '@/lib/pauses/types';
import { useCountText } from '../quantities';
import { type PauseAction, PauseRecordText, useEndText } from './pause-outcome';

/**
 * The effect of a pause or unpause on the jobs now, and the choice of an end, shared by the dialog
 * and the confirmation page. `preview` null: not loaded yet.
 */
export function PauseEffect({
  action,
  pause,
  preview,
  canEnd,
}: {
  action: PauseAction;
  pause: Pick<PauseRow, 'kind' | 'name'>;
  preview: PausePreview | null;
  canEnd: boolean;
}) {
  const t = useTranslations('pauses');
  const isPause = action === 'pause';
  return (
    <>
      <dl className="mt-2">
        <dt className="sr-only">{t(`kinds.${pause.kind}`)}</dt>
        <dd className="font-mono text-sm break-all">{pause.name}</dd>
      </dl>
      <p className="mt-2">{t(`${action}.effect`)}</p>
      <AffectedJobs preview={preview} />
      {preview?.isPaused && (
        <p className={`mt-2 ${isPause ? 'text-warn' : 'text-soft'}`}>
          {isPause ? `${t('alreadyPaused')} ` : ''}
          <PauseRecordText record={preview} />
        </p>
      )}
      {isPause && <EndField canEnd={canEnd} />}
    </>
  );
}

function AffectedJobs({ preview }: { preview: PausePreview | null }) {
  const t = useTranslations('pauses');
  const countText = useCountText();
  return (
    <dl className="mt-3 grid grid-cols-2 gap-3">
      {(['waiting', 'running'] as const).map((name) => (
        <div key={name} className="rounded-md bg-sunken px-3 py-2" data-affects={name}>
          <dt className="text-xs text-soft">{t(`affects.${name}`)}</dt>
          <dd className="text-lg font-semibold">
            {preview ? countText(preview[name]).text : <span aria-label={t('unset')}>…</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** The presets of an end; the next morning is fixed when the choice is rendered. */
function EndField({ canEnd }: { canEnd: boolean }) {
  const t = useTranslations('pauses');
  const zone = useTimeZone() ?? 'UTC';
  const endText = useEndText();
  // Not the time of the page, which may have been open for hours.
  const [now] = useState(() => Date.now());
  if (!canEnd)
    return (
      <p className="mt-3 text-sm text-soft">
        {t.rich('end.unavailable', {
          code: (command) => <code className="font-mono text-ink">{command}</code>,
        })}
      </p>
    );
  const inMinutes = (preset: EndPreset) =>
    new Date(now + END_MINUTES[preset] * 60_000).toISOString();
  const morning = presetTime('tomorrow', now, zone);
  const choices = [
    { value: '', text: t('end.none') },
    { value: '30m', text: t('end.30m', { time: endText(inMinutes('30m')) }) },
    { value: '1h', text: t('end.1h', { time: endText(inMinutes('1h')) }) },
    ...(morning === null
      ? []
      : [{ value: morning, text: t('end.tomorrow', { time: endText(morning) }) }]),
  ];
  return (
    <fieldset className="mt-3">
      <legend className="text-sm text-soft">{t('end.label', { zone })}</legend>
      <div className="mt-1 grid gap-x-4 sm:grid-cols-2">
        {choices.map(({ value, text }) => (
          <label key={value} className="flex min-h-7 items-center gap-2">
            <input
              type="radio"
              name="end"
              value={value}
              defaultChecked={value === ''}
              className="size-4 shrink-0 accent-accent"
            />
            <span suppressHydrationWarning>{text}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
