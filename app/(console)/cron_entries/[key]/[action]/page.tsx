import { getTranslations } from 'next-intl/server';
import { ConfirmPage } from '@/components/confirm-page';
import { CronEffect } from '@/components/cron/cron-outcome';
import { Banner } from '@/components/ui/banner';
import { denialsOf, requireCtx } from '@/lib/context/request-context';
import { submitCron } from '@/lib/cron/actions';
import { getCronEntry } from '@/lib/cron/entries';
import { CRON_ACTIONS } from '@/lib/cron/mutations';
import { keyOfSegment } from '@/lib/cron/types';
import { guardPage, renderMissingPage } from '../../../guard';

/** Confirms an action on a cron key without JavaScript. */
export default async function CronActionPage({
  params,
}: {
  params: Promise<{ key: string; action: string }>;
}) {
  const { key: segment, action: name } = await params;
  const key = keyOfSegment(segment);
  const action = CRON_ACTIONS.find((candidate) => candidate === name);
  if (key === null || !action) return renderMissingPage();
  return guardPage(async () => {
    const ctx = await requireCtx();
    const [t, entry] = await Promise.all([getTranslations('cron'), getCronEntry(ctx, key)]);
    if (!entry) return renderMissingPage();
    const { cannotEnqueue } = entry.row;
    return (
      <ConfirmPage
        title={t(`${action}.title`)}
        action={submitCron}
        back={`/cron_entries/${encodeURIComponent(key)}`}
        confirm={t(`${action}.confirm`)}
        denial={denialsOf(ctx)[`cron.${action}`]}
      >
        <input type="hidden" name="key" value={key} />
        <input type="hidden" name="action" value={action} />
        <CronEffect action={action} row={entry.row} />
        {action === 'enqueue' && cannotEnqueue && (
          <div className="mt-3">
            <Banner tone="warning">{t(`refused.${cannotEnqueue}`)}</Banner>
          </div>
        )}
      </ConfirmPage>
    );
  });
}
