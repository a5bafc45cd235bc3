import { getTimeZone, getTranslations } from 'next-intl/server';
import { ConfirmPage } from '@/components/confirm-page';
import { ActionEffect, RescheduleFields } from '@/components/jobs/action-fields';
import { DESTRUCTIVE } from '@/components/jobs/action-rules';
import { denialsOf, requireCtx } from '@/lib/ctx';
import { JOB_ACTIONS } from '@/lib/good-job/actions';
import { utcToZoned } from '@/lib/i18n/zoned-time';
import { submitJobAction } from '@/lib/jobs/actions';
import { getJob } from '@/lib/jobs/detail';
import { isUuid } from '@/lib/text';
import { guardPage, missingPage } from '../../../guard';

/** Asks before an action on a job where there is no JavaScript. */
export default async function JobActionPage({
  params,
}: {
  params: Promise<{ id: string; action: string }>;
}) {
  const { id, action: name } = await params;
  const action = JOB_ACTIONS.find((one) => one === name);
  if (!isUuid(id) || !action) return missingPage();
  return guardPage(async () => {
    const ctx = await requireCtx();
    const [t, zone, job] = await Promise.all([
      getTranslations('actions'),
      getTimeZone(),
      getJob(ctx, id),
    ]);
    if (!job) return missingPage();
    return (
      <ConfirmPage
        title={t(`${action}.title`)}
        action={submitJobAction}
        back={`/jobs/${id}`}
        confirm={t(`${action}.confirm`)}
        danger={DESTRUCTIVE.has(action)}
        denied={denialsOf(ctx)[`job.${action}`]}
      >
        <input type="hidden" name="id" value={id} />
        <input type="hidden" name="action" value={action} />
        <ActionEffect action={action} job={job} />
        {action === 'reschedule' && (
          <RescheduleFields zone={zone} at={utcToZoned(new Date().getTime() + 3_600_000, zone)} />
        )}
      </ConfirmPage>
    );
  });
}
