import { getTranslations } from 'next-intl/server';
import { RepairEffect, TargetInputs } from '@/components/attention/repair-effect';
import { PERMISSION_OF } from '@/components/attention/repair-rules';
import { ConfirmPage } from '@/components/confirm-page';
import { submitRepair } from '@/lib/attention/actions';
import { readRepairTarget } from '@/lib/attention/types';
import { denialsOf, requireCtx } from '@/lib/context/request-context';
import { paramsOf } from '@/lib/core/search-params';
import { guardPage, missingPage } from '../../guard';

/** Asks before a repair where there is no JavaScript. */
export default async function RepairPage({
  searchParams,
}: {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}) {
  const given = paramsOf(await searchParams);
  const target = readRepairTarget(given);
  if (!target) return missingPage();
  const jobId = given.get('back') === 'job' && target.repair === 'release_jobs' && target.ids?.[0];
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations(`attention.repairs.${target.repair}`);
    return (
      <ConfirmPage
        title={t('title')}
        action={submitRepair}
        back={jobId ? `/jobs/${jobId}` : '/attention'}
        confirm={t('confirm')}
        denied={denialsOf(ctx)[PERMISSION_OF[target.repair]]}
      >
        <TargetInputs target={target} />
        {jobId && <input type="hidden" name="back" value="job" />}
        <RepairEffect target={target} />
      </ConfirmPage>
    );
  });
}
