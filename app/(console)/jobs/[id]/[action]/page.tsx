import { getTimeZone, getTranslations } from 'next-intl/server';
import { ConfirmPage } from '@/components/confirm-page';
import { ActionEffect, ActionWarningNote, RescheduleFields } from '@/components/jobs/action-fields';
import { DESTRUCTIVE } from '@/components/jobs/action-rules';
import { PastTimeQuestion } from '@/components/jobs/reschedule-time';
import { denialsOf, requireCtx } from '@/lib/context/request-context';
import { rescheduleDefaults, utcToZoned } from '@/lib/core/locale';
import { isTimestamp, isUuid } from '@/lib/core/text';
import { type PageSearchParams, paramsOf } from '@/lib/core/urls';
import { JOB_ACTIONS } from '@/lib/good-job/types';
import { submitJobAction } from '@/lib/jobs/actions';
import { getActionWarnings, getJob } from '@/lib/jobs/detail';
import { guardPage, renderMissingPage } from '../../../guard';

/** Confirms an action on a job without JavaScript. */
export default async function JobActionPage({
  params,
  searchParams,
}: {
  params: Promise<{ id: string; action: string }>;
  searchParams: PageSearchParams;
}) {
  const { id, action: name } = await params;
  const past = paramsOf(await searchParams).get('past');
  const action = JOB_ACTIONS.find((candidate) => candidate === name);
  if (!isUuid(id) || !action) return renderMissingPage();
  return guardPage(async () => {
    const ctx = await requireCtx();
    const [t, zone, job, warnings] = await Promise.all([
      getTranslations('actions'),
      getTimeZone(),
      getJob(ctx, id),
      getActionWarnings(ctx, id),
    ]);
    if (!job) return renderMissingPage();
    const warning = warnings[action];
    const pastTime = past !== null && isTimestamp(past) ? past : null;
    const defaults = rescheduleDefaults(Date.now(), zone);
    return (
      <ConfirmPage
        title={t(`${action}.title`)}
        action={submitJobAction}
        back={`/jobs/${id}`}
        confirm={t(`${action}.confirm`)}
        danger={DESTRUCTIVE.has(action)}
        denial={denialsOf(ctx)[`job.${action}`]}
      >
        <input type="hidden" name="id" value={id} />
        <input type="hidden" name="action" value={action} />
        <ActionEffect action={action} job={job} />
        {warning && <ActionWarningNote warning={warning} />}
        {action === 'reschedule' && (
          <RescheduleFields
            {...defaults}
            at={pastTime ? utcToZoned(Date.parse(pastTime), zone) : defaults.at}
            isChosen={pastTime !== null}
          />
        )}
        {action === 'reschedule' && pastTime && <PastTimeQuestion at={pastTime} />}
      </ConfirmPage>
    );
  });
}
