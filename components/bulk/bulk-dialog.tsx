'use client';

import { useQuery } from '@tanstack/react-query';
import { useTimeZone, useTranslations } from 'next-intl';
import { type FormEvent, type ReactNode, type RefObject, useId, useState } from 'react';
import { previewBulkAction, startBulkAction } from '@/lib/bulk/actions';
import type { BulkStart } from '@/lib/bulk/start';
import { type BulkAction, type BulkTarget, CONFIRM_ABOVE, readNumber } from '@/lib/bulk/types';
import { utcToZoned, zonedToUtc } from '@/lib/core/locale';
import { actionFailed } from '../action-failed';
import { RescheduleFields } from '../jobs/action-fields';
import { DESTRUCTIVE } from '../jobs/action-rules';
import { usePastTime } from '../jobs/use-past-time';
import { usePausePolling } from '../live';
import { useBulkLimit, useReasonRequired } from '../permissions';
import { ReasonField } from '../reason-field';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { PreviewText, useBulkCount } from './preview-text';
import { TargetText } from './target-text';
import { CountConfirmation } from './count-confirmation';

interface Props {
  action: BulkAction;
  target: BulkTarget;
  returnTo?: RefObject<HTMLElement | null>;
  /** What a batch retry does, to which batch. */
  children?: ReactNode;
  onStarted: (started: BulkStart) => void;
  onClose: () => void;
}

/** Shows what a bulk action would do, asks for it to be confirmed, and starts it. */
export function BulkDialog({ action, target, returnTo, children, onStarted, onClose }: Props) {
  const t = useTranslations();
  const zone = useTimeZone() ?? 'UTC';
  const bulkCount = useBulkCount();
  const limit = useBulkLimit();
  const heading = useId();
  const [working, setWorking] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [suggestedTime] = useState(() => utcToZoned(Date.now() + 3_600_000, zone));
  const reasonRequired = useReasonRequired();
  usePausePolling(true);
  const questionOf = usePastTime();

  // Of the moment at which it was asked for: no refresh of what lies behind may change what is being confirmed.
  const { data: preview, refetch } = useQuery({
    queryKey: ['bulk-preview', { action, target }],
    queryFn: () => previewBulkAction({ action, target }).catch(actionFailed),
    staleTime: 'static',
    gcTime: 0,
  });
  const found = preview?.ok ? preview.value : null;
  const tooLarge =
    found !== null &&
    limit !== null &&
    (found.total.count > limit || found.total.kind === 'at_least');
  const needsNumber = found !== null && !tooLarge && found.total.count > CONFIRM_ABOVE;

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (!found) return;
    const form = new FormData(event.currentTarget);
    let scheduledAt: string | null = null;
    if (action === 'reschedule' && form.get('when') === 'at') {
      scheduledAt = zonedToUtc(String(form.get('at')), zone);
      if (!scheduledAt) return setProblem(t('actions.reschedule.badTime'));
    }
    const question = questionOf(scheduledAt);
    if (question) return setProblem(question);
    const confirmedCount = needsNumber ? readNumber(String(form.get('confirmed_count'))) : null;
    if (needsNumber && confirmedCount !== found.total.count)
      return setProblem(t('bulk.wrongNumber'));
    setWorking(true);
    setProblem(null);
    const result = await startBulkAction({
      action,
      target: found.target,
      scheduledAt,
      cutOff: found.cutOff,
      expected: found.total,
      confirmedCount,
      reason: String(form.get('reason')),
    }).catch(actionFailed);
    setWorking(false);
    if (!result.ok) return setProblem(t(`errors.${result.error}`));
    if (result.value.kind === 'needs_schema') return setProblem(t('bulk.needsSchema'));
    if (result.value.kind === 'not_confirmed') {
      const { more } = result.value;
      setProblem(
        more === undefined
          ? t('bulk.changedMeanwhile')
          : t('bulk.moreThanConfirmed', {
              number: bulkCount({ kind: 'exact', count: more }),
              confirmed: bulkCount(found.total),
            }),
      );
      return void refetch();
    }
    onStarted(result.value);
    onClose();
  }

  return (
    <Dialog labelledBy={heading} onClose={onClose} returnTo={returnTo}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id={heading} className="text-lg font-semibold">
          {t(`bulk.titles.${action}`)}
        </h2>
        {children}
        {action !== 'batch_retry' && (
          <>
            <p className="mt-2">{t(`bulk.effects.${action}`)}</p>
            <TargetText
              target={target.kind}
              filter={target.kind === 'filter' ? target.query : null}
              batchId={target.kind === 'filter' ? target.batchId : null}
              selected={target.kind === 'ids' ? target.ids.length : 0}
            />
          </>
        )}
        <div aria-live="polite" className="mt-3">
          {!preview && <p className="text-soft">{t('bulk.counting')}</p>}
          {preview && !preview.ok && <p className="text-danger">{t(`errors.${preview.error}`)}</p>}
          {preview?.ok && !preview.value && (
            <p className="text-danger">{t('bulk.notUnderstood')}</p>
          )}
          {tooLarge && (
            <p className="text-danger">
              {t('bulk.tooLarge', { limit: bulkCount({ kind: 'exact', count: limit }) })}
            </p>
          )}
          {found && <PreviewText action={action} preview={found} />}
        </div>
        {action === 'reschedule' && <RescheduleFields zone={zone} at={suggestedTime} />}
        {needsNumber && <CountConfirmation number={found.total.count} />}
        <ReasonField required={reasonRequired} />
        {problem && (
          <p role="alert" className="mt-2 text-danger">
            {problem}
          </p>
        )}
        <div className="mt-5 flex flex-wrap justify-end gap-2">
          <Button onClick={onClose} disabled={working} data-focus-first="">
            {t('actions.cancel')}
          </Button>
          <Button
            type="submit"
            kind={DESTRUCTIVE.has(action) ? 'danger' : 'primary'}
            disabled={
              working || !found || tooLarge || (found.total.count === 0 && action !== 'batch_retry')
            }
          >
            {working
              ? t('actions.working')
              : found
                ? t(`bulk.confirms.${action}`, {
                    count: found.total.count,
                    number: bulkCount(found.total),
                  })
                : t(`actions.${action}.confirm`)}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
