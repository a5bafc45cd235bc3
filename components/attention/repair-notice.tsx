import { useTranslations } from 'next-intl';
import { REPAIRS, type RepairResult } from '@/lib/attention/types';
import { ERROR_CODES } from '@/lib/core/errors';
import type { Params } from '@/lib/core/search-params';
import { Notice } from '../notice';
import { Banner } from '../ui/banner';
import { RepairOutcome } from './repair-outcome';

const OUTCOMES = ['done', 'conflict', 'locked', 'missing', 'refused'] as const;

/** What a repair without JavaScript came to: the confirmation page sends it back in the URL, as numbers and codes only. */
export function RepairNotice({ params }: { params: Params }) {
  const t = useTranslations('errors');
  const repair = REPAIRS.find((one) => one === params.get('did'));
  if (!repair) return null;
  const error = ERROR_CODES.find((code) => code === params.get('error'));
  const counts: RepairResult['counts'] = {};
  for (const outcome of OUTCOMES)
    if (/^\d{1,7}$/.test(params.get(outcome) ?? '')) counts[outcome] = Number(params.get(outcome));
  return (
    <Notice>
      <div role="status">
        {error ? (
          <Banner tone="warning">{t(error)}</Banner>
        ) : (
          <RepairOutcome repair={repair} counts={counts} />
        )}
      </div>
    </Notice>
  );
}
