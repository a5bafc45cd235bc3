import { useTranslations } from 'next-intl';
import { ERROR_CODES } from '@/lib/core/errors';
import type { Params } from '@/lib/core/search-params';
import { JOB_ACTIONS, REFUSAL_CODES } from '@/lib/good-job/types';
import { ActionResultBanner } from '../action-result-banner';

const oneOf = <T extends string>(codes: readonly T[], value: string | null): T | undefined =>
  codes.find((code) => code === value);

/** The result of an action on a job or of a batch retry without JavaScript. */
export function JobResultBanner({ params }: { params: Params }) {
  const t = useTranslations();
  const outcome = params.get('outcome');
  const did = params.get('did');
  const action = oneOf(JOB_ACTIONS, did);
  if (!outcome || (!action && did !== 'batch_retry')) return null;
  const plain = oneOf(['conflict', 'locked', 'missing'] as const, outcome);
  const refusal = oneOf(REFUSAL_CODES, outcome);
  const error = oneOf(ERROR_CODES, outcome);
  const isDone = outcome === 'done';
  const retried = Number(params.get('retried') ?? 0);
  const skipped = Number(params.get('skipped') ?? 0);
  let text: string | null = null;
  if (isDone && action) text = t(`outcomes.done.${action}`);
  else if (isDone) text = t('actions.batch_retry.result', { count: retried, number: retried });
  else if (outcome === 'unchanged') text = t('actions.batch_retry.unchanged');
  else if (plain) text = t(`outcomes.${plain}`);
  else if (refusal) text = t(`outcomes.refused.${refusal}`);
  else if (error) text = t(`errors.${error}`);
  if (text !== null && skipped > 0)
    text += ` ${t('actions.batch_retry.skipped', { count: skipped, number: skipped })}`;
  return <ActionResultBanner isDone={isDone} text={text} />;
}
