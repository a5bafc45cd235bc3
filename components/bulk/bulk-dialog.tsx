'use client';

import { useQuery } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import type { ReactNode, RefObject } from 'react';
import { previewBulkAction, startBulkAction } from '@/lib/bulk/actions';
import {
  type BulkAction,
  type BulkCount,
  type BulkStart,
  type BulkTarget,
  CONFIRM_ABOVE,
  parseEnteredCount,
} from '@/lib/bulk/types';
import { type ConfirmResult, ConfirmDialog } from '../confirm-dialog';
import { RescheduleFields } from '../jobs/action-fields';
import { DESTRUCTIVE } from '../jobs/action-rules';
import { useRescheduleTime } from '../jobs/reschedule-time';
import { useBulkLimit } from '../permissions';
import { toActionError } from '../requests';
import { CountConfirmation, PreviewText, TargetText, useBulkCount } from './bulk-preview';

interface Props {
  action: BulkAction;
  target: BulkTarget;
  returnTo?: RefObject<HTMLElement | null>;
  /** The effect of a batch retry. */
  children?: ReactNode;
  onStarted: (started: BulkStart) => void;
  onClose: () => void;
}

/** The affected jobs, counted when the dialog opens; only `refetch` updates them. */
function useBulkPreview(action: BulkAction, target: BulkTarget) {
  const limit = useBulkLimit();
  // Static: polling behind the dialog must not change the numbers that the viewer confirms.
  const { data: result, refetch } = useQuery({
    queryKey: ['bulk-preview', { action, target }],
    queryFn: () => previewBulkAction({ action, target }).catch(toActionError),
    staleTime: 'static',
    gcTime: 0,
  });
  const preview = result?.ok ? result.value : null;
  const isTooLarge =
    preview !== null &&
    limit !== null &&
    (preview.total.count > limit || preview.total.kind === 'at_least');
  const needsConfirmation = preview !== null && !isTooLarge && preview.total.count > CONFIRM_ABOVE;
  return { result, preview, limit, isTooLarge, needsConfirmation, refetch };
}

/** Checks the form, starts the run and reports why it did not start. */
function useBulkStart(
  action: BulkAction,
  { preview, needsConfirmation, refetch }: ReturnType<typeof useBulkPreview>,
  { timeOf, problemOf }: ReturnType<typeof useRescheduleTime>,
  onStarted: (started: BulkStart) => void,
) {
  const t = useTranslations();
  const bulkCount = useBulkCount();
  const unconfirmedText = (more: number | undefined, confirmed: BulkCount) =>
    more === undefined
      ? t('bulk.changedMeanwhile')
      : t('bulk.moreThanConfirmed', {
          number: bulkCount({ kind: 'exact', count: more }),
          confirmed: bulkCount(confirmed),
        });
  const confirmedCountOf = (form: FormData) =>
    needsConfirmation ? parseEnteredCount(String(form.get('confirmed_count'))) : null;
  function validate(form: FormData): string | null {
    const problem = problemOf(form);
    if (problem) return problem;
    const isConfirmed = !needsConfirmation || confirmedCountOf(form) === preview?.total.count;
    return isConfirmed ? null : t('bulk.wrongNumber');
  }
  async function start(form: FormData): Promise<ConfirmResult> {
    if (!preview) return 'stay';
    const result = await startBulkAction({
      action,
      target: preview.target,
      scheduledAt: timeOf(form),
      cutOff: preview.cutOff,
      expected: preview.total,
      confirmedCount: confirmedCountOf(form),
      reason: String(form.get('reason')),
    }).catch(toActionError);
    if (!result.ok) return { problem: t(`errors.${result.error}`) };
    if (result.value.kind === 'needs_schema') return { problem: t('bulk.needsSchema') };
    if (result.value.kind === 'not_confirmed') {
      void refetch();
      return { problem: unconfirmedText(result.value.more, preview.total) };
    }
    onStarted(result.value);
    return 'done';
  }
  return { validate, start };
}

/** Previews a bulk action, asks for confirmation and starts it. */
export function BulkDialog({ action, target, returnTo, children, onStarted, onClose }: Props) {
  const t = useTranslations();
  const bulkCount = useBulkCount();
  const reschedule = useRescheduleTime();
  const bulkPreview = useBulkPreview(action, target);
  const { preview, isTooLarge, needsConfirmation } = bulkPreview;
  const { validate, start } = useBulkStart(action, bulkPreview, reschedule, onStarted);
  // The retry of a batch without discarded jobs still runs its callbacks again.
  const hasEffect = preview !== null && (preview.total.count > 0 || action === 'batch_retry');
  const confirmText = preview
    ? t(`bulk.confirms.${action}`, {
        count: preview.total.count,
        number: bulkCount(preview.total),
      })
    : t(`actions.${action}.confirm`);
  return (
    <ConfirmDialog
      title={t(`bulk.titles.${action}`)}
      confirm={confirmText}
      isDestructive={DESTRUCTIVE.has(action)}
      isConfirmDisabled={isTooLarge || !hasEffect}
      focusFirst="cancel"
      returnTo={returnTo}
      validate={validate}
      onConfirm={start}
      onClose={onClose}
    >
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
      <Preview action={action} bulkPreview={bulkPreview} />
      {action === 'reschedule' && <RescheduleFields {...reschedule.fields} />}
      {preview && needsConfirmation && <CountConfirmation number={preview.total.count} />}
    </ConfirmDialog>
  );
}

function Preview({
  action,
  bulkPreview: { result, preview, limit, isTooLarge },
}: {
  action: BulkAction;
  bulkPreview: ReturnType<typeof useBulkPreview>;
}) {
  const t = useTranslations();
  const bulkCount = useBulkCount();
  return (
    <div aria-live="polite" className="mt-3">
      {!result && <p className="text-soft">{t('bulk.counting')}</p>}
      {result && !result.ok && <p className="text-danger">{t(`errors.${result.error}`)}</p>}
      {result?.ok && !result.value && <p className="text-danger">{t('bulk.notUnderstood')}</p>}
      {isTooLarge && limit !== null && (
        <p className="text-danger">
          {t('bulk.tooLarge', { limit: bulkCount({ kind: 'exact', count: limit }) })}
        </p>
      )}
      {preview && <PreviewText action={action} preview={preview} />}
    </div>
  );
}
