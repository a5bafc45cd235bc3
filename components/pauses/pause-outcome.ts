import { useTranslations } from 'next-intl';
import { ERROR_CODES } from '@/lib/core/errors';
import type { ActionResult } from '@/lib/http/server-action';
import type { PauseOutcome } from '@/lib/pauses/types';
import { useEndText } from './pause-record';

export type PauseAction = 'pause' | 'unpause';

/** The code of an outcome, which a confirmation page also returns in its URL. */
export function pauseOutcomeCode(result: ActionResult<PauseOutcome>): string {
  if (!result.ok) return result.error;
  return result.value.outcome === 'refused' ? result.value.code : result.value.outcome;
}

/** Whether an outcome with this code has changed the pause. */
export const isPauseChanged = (code: string): boolean => code === 'done' || code === 'end_changed';

/**
 * Returns a function that describes the outcome of an action; null for an unknown code. `endsAt` is
 * the end that a pause now has.
 */
export function usePauseOutcomeText(): (
  action: PauseAction,
  code: string,
  name: string,
  endsAt: string | null,
) => string | null {
  const t = useTranslations();
  const endText = useEndText();
  return (action, code, name, endsAt) => {
    const time = endsAt === null ? null : endText(endsAt);
    if (code === 'done' && action === 'pause' && time !== null)
      return t('pauses.pause.doneUntil', { name, time });
    if (code === 'done' || code === 'unchanged') return t(`pauses.${action}.${code}`, { name });
    if (code === 'end_changed')
      return time === null
        ? t('pauses.end_removed', { name })
        : t('pauses.end_changed', { name, time });
    if (code === 'exactly_one' || code === 'setting_of_wrong_type' || code === 'end_invalid')
      return t(`pauses.refused.${code}`);
    const error = ERROR_CODES.find((candidate) => candidate === code);
    return error ? t(`errors.${error}`) : null;
  };
}
