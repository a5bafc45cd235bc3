import { useTranslations } from 'next-intl';
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
 * Chooses now or a time in the viewer's zone. `at` is the default `datetime-local` value;
 * `isChosen` preselects the time.
 */
export function RescheduleFields({
  zone,
  at,
  isChosen = false,
}: {
  zone: string;
  at: string;
  isChosen?: boolean;
}) {
  const t = useTranslations('actions.reschedule');
  return (
    <fieldset className="mt-3 flex flex-col gap-2">
      <legend className="sr-only">{t('title')}</legend>
      <label className="flex items-center gap-2">
        <input
          type="radio"
          name="when"
          value="now"
          defaultChecked={!isChosen}
          className="accent-accent"
        />
        {t('now')}
      </label>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <label className="flex items-center gap-2">
          <input
            type="radio"
            name="when"
            value="at"
            defaultChecked={isChosen}
            className="accent-accent"
          />
          {t('at')}
        </label>
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
