import { useTranslations } from 'next-intl';
import { ERROR_CODES } from '@/lib/core/errors';
import type { Params } from '@/lib/core/search-params';
import { JOB_ACTIONS } from '@/lib/good-job/actions';
import { REFUSAL_CODES } from '@/lib/good-job/outcomes';
import { Notice } from '../notice';
import { Banner } from '../ui/banner';

const find = <T extends string>(known: readonly T[], value: string | null): T | undefined =>
  known.find((one) => one === value);

/** What an action without JavaScript came to: the confirmation page sends it back in the URL, as codes only. */
export function ActionResultBanner({ params }: { params: Params }) {
  const t = useTranslations();
  const outcome = params.get('outcome');
  const did = params.get('did');
  const action = find(JOB_ACTIONS, did);
  if (!outcome || (!action && did !== 'batch_retry')) return null;
  const plain = find(['conflict', 'locked', 'missing'] as const, outcome);
  const refusal = find(REFUSAL_CODES, outcome);
  const error = find(ERROR_CODES, outcome);
  const done = outcome === 'done';
  const retried = Number(params.get('retried') ?? 0);
  const skipped = Number(params.get('skipped') ?? 0);
  let text: string | null = null;
  if (done && action) text = t(`outcomes.done.${action}`);
  else if (done) text = t('actions.batch_retry.result', { count: retried, number: retried });
  else if (outcome === 'unchanged') text = t('actions.batch_retry.unchanged');
  else if (plain) text = t(`outcomes.${plain}`);
  else if (refusal) text = t(`outcomes.refused.${refusal}`);
  else if (error) text = t(`errors.${error}`);
  if (!text) return null;
  return (
    <Notice>
      <Banner tone={done ? 'info' : 'warning'} role="status">
        {text}
        {skipped > 0 && (
          <> {t('actions.batch_retry.skipped', { count: skipped, number: skipped })}</>
        )}
      </Banner>
    </Notice>
  );
}
