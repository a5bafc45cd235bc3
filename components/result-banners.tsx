import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { type RepairResult, REPAIRS } from '@/lib/attention/types';
import { ERROR_CODES } from '@/lib/core/errors';
import { isStoredTime } from '@/lib/core/text';
import type { Params } from '@/lib/core/urls';
import { RepairOutcome } from './attention/repair-text';
import { useCronOutcomeText } from './cron/cron-outcome';
import { DismissibleResult } from './dismissible';
import { isPauseChanged, usePauseOutcomeText } from './pauses/pause-outcome';
import { Banner } from './ui/banner';

/**
 * The result of an action that ran without JavaScript. The confirmation page returns it in the URL
 * as a code, which the caller translates to `text`; null (an unknown code) renders nothing.
 */
export function ActionResultBanner({ isDone, text }: { isDone: boolean; text: ReactNode }) {
  if (text === null) return null;
  return (
    <DismissibleResult>
      <Banner tone={isDone ? 'info' : 'warning'} role="status">
        {text}
      </Banner>
    </DismissibleResult>
  );
}

const REPAIR_OUTCOMES = ['done', 'conflict', 'locked', 'missing', 'refused'] as const;

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
  for (const outcome of REPAIR_OUTCOMES) {
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

/** The result of an action on a cron key without JavaScript. */
export function CronResultBanner({ params }: { params: Params }) {
  const cronText = useCronOutcomeText();
  const did = params.get('did');
  const outcome = params.get('outcome');
  const action = (['enable', 'disable', 'enqueue'] as const).find((name) => name === did);
  if (!action || !outcome) return null;
  return <ActionResultBanner isDone={outcome === 'done'} text={cronText(action, outcome)} />;
}

/** The result of a pause or unpause without JavaScript. */
export function PauseResultBanner({ params }: { params: Params }) {
  const pauseText = usePauseOutcomeText();
  const did = params.get('did');
  const outcome = params.get('outcome');
  const ends = params.get('ends');
  const action = (['pause', 'unpause'] as const).find((name) => name === did);
  if (!action || !outcome) return null;
  const endsAt = ends && isStoredTime(ends) ? ends : null;
  const text = pauseText(action, outcome, params.get('name') ?? '', endsAt);
  return <ActionResultBanner isDone={isPauseChanged(outcome)} text={text} />;
}
