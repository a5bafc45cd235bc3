import { useFormatter, useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import type { RescheduleDefaults, TimePreset } from '@/lib/core/locale';
import type { ActionWarning, JobAction } from '@/lib/good-job/types';
import { isBlankName } from '@/lib/jobs/links';
import { Banner } from '../ui/banner';

/** The effect of an action and its job, shared by the dialog and the confirmation page. */
export function ActionEffect({
  action,
  job,
}: {
  action: JobAction;
  job: { id: string; jobClass: string | null };
}) {
  const t = useTranslations();
  return (
    <>
      <p className="mt-2">{t(`actions.${action}.effect`)}</p>
      <p className="mt-3 rounded-md bg-sunken px-3 py-2">
        <span className="block text-sm text-soft">{t('actions.target')}</span>
        <span className="block font-mono text-sm font-semibold any-break">
          {isBlankName(job.jobClass) ? t('jobs.noClass') : job.jobClass}
        </span>
        <span className="block font-mono text-xs break-all text-soft">{job.id}</span>
      </p>
    </>
  );
}

/** Warns of a condition that prevents the action's effect. */
export function ActionWarningNote({ warning }: { warning: ActionWarning }) {
  const t = useTranslations('actions.warnings');
  return (
    <div className="mt-3">
      <Banner tone="warning" role="status">
        {t(warning)}
      </Banner>
    </div>
  );
}

/**
 * Chooses now, a preset or another time in the viewer's zone. `isChosen` preselects the other time.
 */
export function RescheduleFields({
  zone,
  at,
  presets,
  isChosen = false,
}: RescheduleDefaults & { isChosen?: boolean }) {
  const t = useTranslations('actions.reschedule');
  const format = useFormatter();
  const timeText = (time: string) => {
    const options = {
      month: 'numeric',
      day: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
    } as const;
    return format.dateTime(new Date(time), { ...options, hourCycle: 'h23', timeZone: zone });
  };
  return (
    <fieldset className="mt-3 flex flex-col gap-2">
      <legend className="sr-only">{t('title')}</legend>
      <div className="flex flex-wrap gap-2">
        <WhenOption value="now" isChecked={!isChosen}>
          {t('now')}
        </WhenOption>
        {presets.map(({ name, time }) => (
          <WhenOption key={name} value={name}>
            {t(`presets.${name}`)} <span className="text-soft">{timeText(time)}</span>
          </WhenOption>
        ))}
      </div>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <WhenOption value="at" isChecked={isChosen}>
          {t('at')}
        </WhenOption>
        <input
          type="datetime-local"
          name="at"
          defaultValue={at}
          aria-label={t('time', { zone })}
          className="control"
        />
        <span className="text-soft">{zone}</span>
      </div>
    </fieldset>
  );
}

function WhenOption({
  value,
  isChecked = false,
  children,
}: {
  value: 'now' | 'at' | TimePreset;
  isChecked?: boolean;
  children: ReactNode;
}) {
  return (
    <label className="chip inline-flex min-h-8 cursor-pointer items-center gap-1.5">
      <input
        type="radio"
        name="when"
        value={value}
        defaultChecked={isChecked}
        className="accent-accent"
      />
      <span>{children}</span>
    </label>
  );
}
