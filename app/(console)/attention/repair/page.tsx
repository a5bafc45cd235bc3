import { getTranslations } from 'next-intl/server';
import { REPAIR_PERMISSIONS, RepairEffect, TargetInputs } from '@/components/attention/repair-text';
import { ConfirmPage } from '@/components/confirm-page';
import { submitRepair } from '@/lib/attention/actions';
import { readRepairTarget } from '@/lib/attention/types';
import { denialsOf, requireCtx } from '@/lib/context/request-context';
import { type PageSearchParams, paramsOf } from '@/lib/core/urls';
import { guardPage, renderMissingPage } from '../../guard';

/** Confirms a repair without JavaScript. */
export default async function RepairPage({ searchParams }: { searchParams: PageSearchParams }) {
  const pageParams = paramsOf(await searchParams);
  const target = readRepairTarget(pageParams);
  if (!target) return renderMissingPage();
  const jobId =
    pageParams.get('back') === 'job' && target.repair === 'release_jobs' && target.ids?.[0];
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations(`attention.repairs.${target.repair}`);
    return (
      <ConfirmPage
        title={t('title')}
        action={submitRepair}
        back={jobId ? `/jobs/${jobId}` : '/attention'}
        confirm={t('confirm')}
        denial={denialsOf(ctx)[REPAIR_PERMISSIONS[target.repair]]}
      >
        <TargetInputs target={target} />
        {jobId && <input type="hidden" name="back" value="job" />}
        <RepairEffect target={target} />
      </ConfirmPage>
    );
  });
}
