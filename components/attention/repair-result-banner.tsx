import { useTranslations } from 'next-intl';
import { REPAIRS, type RepairResult } from '@/lib/attention/types';
import { ERROR_CODES } from '@/lib/core/errors';
import type { Params } from '@/lib/core/search-params';
import { ActionResultBanner } from '../action-result-banner';
import { DismissibleResult } from '../dismissible';
import { RepairOutcome } from './repair-outcome';

const OUTCOMES = ['done', 'conflict', 'locked', 'missing', 'refused'] as const;

/**
 * The result of a repair without JavaScript. Only numbers and known codes are accepted, because the
 * URL may be forged.
 */
export function RepairResultBanner({ params }: { params: Params }) {
  const t = useTranslations('errors');
  const repair = REPAIRS.find((name) => name === params.get('did'));
  if (!repair) return null;
  const error = ERROR_CODES.find((code) => code === params.get('error'));
  if (error) return <ActionResultBanner isDone={false} text={t(error)} />;
  const counts: RepairResult['counts'] = {};
  for (const outcome of OUTCOMES) {
    const value = params.get(outcome) ?? '';
    if (/^\d{1,7}$/.test(value)) counts[outcome] = Number(value);
  }
  return (
    <DismissibleResult>
      <div role="status">
        <RepairOutcome repair={repair} counts={counts} />
      </div>
    </DismissibleResult>
  );
}
