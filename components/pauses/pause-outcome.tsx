import { useFormatter, useTranslations } from 'next-intl';
import type { PauseRecord } from '@/lib/audit/types';
import { ERROR_CODES } from '@/lib/core/errors';
import { instantMs } from '@/lib/core/text';
import type { ActionResult } from '@/lib/http/server-action';
import type { PauseOutcome } from '@/lib/pauses/types';
import { RelativeTime } from '../time';

/** Returns a formatter for the end of a pause in the viewer's zone: `Dec 1, 09:00`. */
export function useEndText(): (iso: string) => string {
  const format = useFormatter();
  return (iso) =>
    format.dateTime(new Date(instantMs(iso)), {
      month: 'short',
      day: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
}

/** Who set a pause and when, why, and when it ends by itself. */
export function PauseRecordText({ record }: { record: PauseRecord }) {
  const t = useTranslations('pauses');
  const endText = useEndText();
  const { origin, endsAt } = record;
  return (
    <span className="inline-flex min-w-0 flex-wrap gap-x-3 any-break">
      {origin === null && <span>{t('originElsewhere')}</span>}
      {origin && (
        <span>
          {t.rich('origin', {
            viewer: origin.viewerName ?? origin.viewer,
            time: () => <RelativeTime iso={origin.at} />,
          })}
        </span>
      )}
      {origin?.mayBeReplaced && <span>{t('mayBeReplaced')}</span>}
      {origin?.reason && <span>{t('reason', { reason: origin.reason })}</span>}
      {endsAt && <span data-pause-end="">{t('endsAt', { time: endText(endsAt) })}</span>}
    </span>
  );
}

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
