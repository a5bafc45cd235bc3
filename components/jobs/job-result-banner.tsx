import { useTranslations } from 'next-intl';
import { getTranslations } from 'next-intl/server';
import { requireCtx } from '@/lib/context/request-context';
import { ERROR_CODES, ignoreTimeout } from '@/lib/core/errors';
import { isTimestamp } from '@/lib/core/text';
import type { Params } from '@/lib/core/urls';
import {
  JOB_ACTIONS,
  type Outcome,
  REFUSAL_CODES,
  UNDOABLE_ACTIONS,
  type UndoableAction,
} from '@/lib/good-job/types';
import type { ActionResult } from '@/lib/http/server-action';
import { submitJobUndo } from '@/lib/jobs/actions';
import { canUndo } from '@/lib/jobs/mutations';
import { ActionForm } from '../action-form';
import { ActionResultBanner } from '../result-banners';
import { Button } from '../ui/button';
import { OutcomeText } from './outcome-text';

const oneOf = <T extends string>(codes: readonly T[], value: string | null): T | undefined =>
  codes.find((code) => code === value);

/** The outcome in the URL of a page that an action without JavaScript has redirected to. */
function resultOf(params: Params, id: string): ActionResult<Outcome> | null {
  const outcome = params.get('outcome');
  const code = oneOf(REFUSAL_CODES, outcome);
  if (code) return { ok: true, value: { id, outcome: 'refused', code } };
  const name = oneOf(['done', 'conflict', 'locked', 'missing'] as const, outcome);
  if (name === 'done')
    return { ok: true, value: { id, outcome: name, scheduledAt: timeOf(params) } };
  if (name) return { ok: true, value: { id, outcome: name } };
  const error = oneOf(ERROR_CODES, outcome);
  return error ? { ok: false, error } : null;
}

const timeOf = (params: Params) => {
  const at = params.get('at');
  return at !== null && isTimestamp(at) ? at : undefined;
};

/** The result of an action on a job, of its undo or of a batch retry, without JavaScript. */
export function JobResultBanner({ params, jobId = '' }: { params: Params; jobId?: string }) {
  const did = params.get('did');
  if (did === 'batch_retry') return <BatchRetryBanner params={params} />;
  const action = oneOf(JOB_ACTIONS, did);
  const undone = UNDOABLE_ACTIONS.find((name) => `undo_${name}` === did);
  const result = resultOf(params, jobId);
  if (!result || (!action && !undone)) return null;
  const isDone = result.ok && result.value.outcome === 'done';
  const undoable = isDone ? oneOf(UNDOABLE_ACTIONS, did) : undefined;
  const undoId = params.get('undo');
  return (
    <ActionResultBanner
      isDone={isDone}
      text={
        <span className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1">
          {undone && <OutcomeText undone={undone} result={result} />}
          {action && <OutcomeText action={action} result={result} scheduledAt={timeOf(params)} />}
          {undoable && undoId !== null && /^\d{1,18}$/.test(undoId) && (
            <UndoForm action={undoable} jobId={jobId} undoId={undoId} />
          )}
        </span>
      }
    />
  );
}

/** The undo of an action, if its audit record confirms that it was this action on this job. */
async function UndoForm({
  action,
  jobId,
  undoId,
}: {
  action: UndoableAction;
  jobId: string;
  undoId: string;
}) {
  const isPossible = await canUndo(await requireCtx(), action, jobId, undoId).catch(ignoreTimeout);
  if (!isPossible) return null;
  const t = await getTranslations('actions');
  return (
    <ActionForm action={submitJobUndo}>
      <input type="hidden" name="action" value={action} />
      <input type="hidden" name="id" value={jobId} />
      <input type="hidden" name="undo_id" value={undoId} />
      <Button type="submit">{t('undo')}</Button>
    </ActionForm>
  );
}

function BatchRetryBanner({ params }: { params: Params }) {
  const t = useTranslations();
  const outcome = params.get('outcome');
  const plain = oneOf(['conflict', 'locked', 'missing'] as const, outcome);
  const refusal = oneOf(REFUSAL_CODES, outcome);
  const error = oneOf(ERROR_CODES, outcome);
  const isDone = outcome === 'done';
  const retried = Number(params.get('retried') ?? 0);
  const skipped = Number(params.get('skipped') ?? 0);
  let text: string | null = null;
  if (isDone) text = t('actions.batch_retry.result', { count: retried, number: retried });
  else if (outcome === 'unchanged') text = t('actions.batch_retry.unchanged');
  else if (plain) text = t(`outcomes.${plain}`);
  else if (refusal) text = t(`outcomes.refused.${refusal}`);
  else if (error) text = t(`errors.${error}`);
  if (text !== null && skipped > 0)
    text += ` ${t('actions.batch_retry.skipped', { count: skipped, number: skipped })}`;
  return <ActionResultBanner isDone={isDone} text={text} />;
}
