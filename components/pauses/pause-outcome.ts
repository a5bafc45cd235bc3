import { useTranslations } from 'next-intl';
import { ERROR_CODES } from '@/lib/core/errors';
import type { ActionResult } from '@/lib/http/server-action';
import type { PauseOutcome } from '@/lib/pauses/mutations';

export type PauseAction = 'pause' | 'unpause';

/** The code of an outcome, which a confirmation page also returns in its URL. */
export function pauseOutcomeCode(result: ActionResult<PauseOutcome>): string {
  if (!result.ok) return result.error;
  return result.value.outcome === 'refused' ? result.value.code : result.value.outcome;
}

/** Returns a function that describes the outcome of an action; null for an unknown code. */
export function usePauseOutcomeText(): (
  action: PauseAction,
  code: string,
  name: string,
) => string | null {
  const t = useTranslations();
  return (action, code, name) => {
    if (code === 'done' || code === 'unchanged') return t(`pauses.${action}.${code}`, { name });
    if (code === 'exactly_one' || code === 'setting_of_wrong_type')
      return t(`pauses.refused.${code}`);
    const error = ERROR_CODES.find((candidate) => candidate === code);
    return error ? t(`errors.${error}`) : null;
  };
}
