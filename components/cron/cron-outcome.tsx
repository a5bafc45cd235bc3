import { useTranslations } from 'next-intl';
import { ERROR_CODES, type ErrorCode } from '@/lib/core/errors';
import type { CronAction, CronOutcome } from '@/lib/cron/mutations';
import type { CronRow } from '@/lib/cron/types';
import { REFUSAL_CODES } from '@/lib/good-job/types';
import type { ActionResult } from '@/lib/http/server-action';

/** The effect of an action on a cron key, shared by the dialog and the confirmation page. */
export function CronEffect({
  action,
  row,
}: {
  action: CronAction;
  row: Pick<CronRow, 'key' | 'jobClass' | 'isConfigured' | 'enabled'>;
}) {
  const t = useTranslations('cron');
  return (
    <>
      <dl className="mt-2">
        <dt className="sr-only">{t('key')}</dt>
        <dd className="font-mono text-sm break-all">{row.key}</dd>
        {row.jobClass && (
          <>
            <dt className="sr-only">{t('class')}</dt>
            <dd className="font-mono text-sm break-all text-soft">{row.jobClass}</dd>
          </>
        )}
      </dl>
      <p className="mt-2">{t(`${action}.effect`)}</p>
      {action === 'enqueue' && (
        <p className="mt-2">{t(row.isConfigured ? 'fromFile' : 'fromLastJob')}</p>
      )}
      {action === 'enqueue' && !row.enabled && <p className="mt-2">{t('enqueueDisabled')}</p>}
    </>
  );
}

/** The code of a cron action's outcome, which a confirmation page also returns in its URL. */
type Code =
  | Exclude<CronOutcome['outcome'], 'refused'>
  | Extract<CronOutcome, { outcome: 'refused' }>['code']
  | ErrorCode;

export function cronOutcomeCode(result: ActionResult<CronOutcome>): Code {
  if (!result.ok) return result.error;
  return result.value.outcome === 'refused' ? result.value.code : result.value.outcome;
}

/** Returns a function that describes the outcome of a cron action; null for an unknown code. */
export function useCronOutcomeText(): (action: CronAction, code: string) => string | null {
  const t = useTranslations();
  return (action, code) => {
    if (code === 'done' || code === 'unchanged') return t(`cron.${action}.${code}`);
    if (
      code === 'missing' ||
      code === 'no_source' ||
      code === 'entry_invalid' ||
      code === 'setting_of_wrong_type'
    )
      return t(`cron.refused.${code}`);
    const refusal = REFUSAL_CODES.find((candidate) => candidate === code);
    if (refusal) return t(`outcomes.refused.${refusal}`);
    const error = ERROR_CODES.find((candidate) => candidate === code);
    return error ? t(`errors.${error}`) : null;
  };
}
