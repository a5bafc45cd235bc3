'use client';

import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { type RefObject, useEffect, useRef, useState } from 'react';
import type { RepairTarget } from '@/lib/attention/types';
import type { BatchRow, BatchStatus } from '@/lib/batches/types';
import { useHref } from '../application';
import { type RepairAttempt, RepairDialog } from '../attention/repair-dialog';
import { RepairLink } from '../attention/repair-link';
import { RepairOutcome } from '../attention/repair-text';
import { Dismissible, useLastOutcome } from '../dismissible';
import { Breadcrumb, PageHeader } from '../page-header';
import { usePaletteActions } from '../palette/page-actions';
import { useDenials } from '../permissions';
import { usePausePolling, usePolling } from '../polling/polling-provider';
import { RefreshNote } from '../polling/polling-status';
import { useOnScreen } from '../polling/use-polling-query';
import { buttonClass } from '../ui/button';
import { Menu } from '../ui/menu';
import { BatchStatusPanel, useBatchStatus } from './batch-status';
import { BatchDescription, BatchStateBadge } from './batch-summary';
import { type BatchActionResult, BatchOutcome, RetryDialog } from './retry-dialog';

const timestampsOf = (batch: BatchRow) =>
  [batch.enqueuedAt, batch.discardedAt, batch.jobsFinishedAt, batch.finishedAt].join();

/** The one action that helps the batch most: a repair of what holds it, else a retry. */
function primaryAction(batch: BatchRow, status: BatchStatus | undefined): Action | null {
  for (const cause of status?.stuck ?? []) {
    if (cause.kind === 'never_completes')
      return { kind: 'repair', target: { repair: 'check_batches', ids: [batch.id] } };
    if (cause.kind === 'lost_workers' && cause.lockedIds.length > 0)
      return { kind: 'repair', target: { repair: 'release_jobs', ids: cause.lockedIds } };
    const [pause] = cause.kind === 'paused' && !cause.more ? cause.by : [];
    if (pause && cause.kind === 'paused' && cause.by.length === 1)
      return { kind: 'repair', target: { repair: 'unpause', ...pause } };
  }
  return batch.discardedAt !== null || status?.canRetry ? { kind: 'retry' } : null;
}

type Action = { kind: 'repair'; target: RepairTarget } | { kind: 'retry'; fromMenu?: boolean };
type Outcome = { kind: 'retry'; result: BatchActionResult } | ({ kind: 'repair' } & RepairAttempt);

/** The header of the batch page: description, state, progress, causes of a stall, and actions. */
export function BatchHeader({
  batch: initialBatch,
  initial,
}: {
  batch: BatchRow;
  initial: BatchStatus | null;
}) {
  const t = useTranslations();
  const { refresh } = usePolling();
  const router = useRouter();
  const [dialog, setDialog] = useState<Action | null>(null);
  const { outcome, show, drop } = useLastOutcome<Outcome>();
  const head = useRef<HTMLDivElement>(null);
  const menuButton = useRef<HTMLElement>(null);
  const onScreen = useOnScreen(head);
  const { data, error, dataUpdatedAt } = useBatchStatus(
    initialBatch.id,
    initial,
    // A finished batch changes only when a user acts on it.
    (status) => onScreen && (!(status?.batch ?? initialBatch).finishedAt || outcome !== null),
  );
  const batch = data?.batch ?? initialBatch;
  // The server renders the attributes, so a change needs a refresh of the route.
  const hasChanged = timestampsOf(batch) !== timestampsOf(initialBatch);
  useEffect(() => {
    if (hasChanged) router.refresh();
  }, [hasChanged, router]);
  const onDone = (done: Outcome) => {
    show(done);
    refresh();
  };
  return (
    <div ref={head}>
      <Breadcrumb items={[{ href: '/batches', text: t('batches.title') }]} current={batch.id} />
      <PageHeader
        title={<BatchDescription batch={batch} />}
        count={
          <span className="flex flex-wrap items-center gap-2">
            <BatchStateBadge
              batch={batch}
              stalled={data ? data.stalled : null}
              discarded={data?.progress.states?.discarded}
            />
          </span>
        }
      >
        <Actions batch={batch} status={data} menuButton={menuButton} onAction={setDialog} />
      </PageHeader>
      {outcome && <OutcomeNote outcome={outcome} onDismiss={drop} />}
      <BatchStatusPanel batch={batch} status={data ?? null} />
      {error && data && <RefreshNote at={dataUpdatedAt} error={error} />}
      {error && !data && <p className="mt-2 text-danger">{t('errors.partial')}</p>}
      {dialog?.kind === 'retry' && (
        <RetryDialog
          batch={batch}
          discarded={data?.progress.states?.discarded ?? null}
          returnTo={dialog.fromMenu ? menuButton : undefined}
          onClose={() => setDialog(null)}
          onDone={(result) => onDone({ kind: 'retry', result })}
        />
      )}
      {dialog?.kind === 'repair' && (
        <RepairDialog
          target={dialog.target}
          onClose={() => setDialog(null)}
          onRepaired={(attempt) => onDone({ kind: 'repair', ...attempt })}
        />
      )}
    </div>
  );
}

/** One primary button, and the other actions in a menu. */
function Actions({
  batch,
  status,
  menuButton,
  onAction,
}: {
  batch: BatchRow;
  status: BatchStatus | undefined;
  menuButton: RefObject<HTMLElement | null>;
  onAction: (action: Action) => void;
}) {
  const t = useTranslations();
  const href = useHref();
  const router = useRouter();
  const [isMenuOpen, setMenuOpen] = useState(false);
  usePausePolling(isMenuOpen);
  const denial = useDenials()['batch.retry'];
  const primary = primaryAction(batch, status);
  const canRetry = batch.discardedAt !== null || status?.canRetry === true;
  const retryReason = denial ?? (canRetry ? null : 'noDiscarded');
  usePaletteActions(() => [
    {
      key: 'batch_retry',
      text: t('actions.batch_retry.menu'),
      reason: retryReason && t(`actions.why.${retryReason}`),
      onSelect: () => onAction({ kind: 'retry', fromMenu: true }),
    },
  ]);
  const retryHref = href(`/batches/${batch.id}/retry`);
  /** Without JavaScript the menu is one link. */
  const offersRetry = primary?.kind !== 'retry' && retryReason === null;
  return (
    <>
      {primary?.kind === 'repair' && (
        <RepairLink
          primary
          target={primary.target}
          text={t(`attention.repairs.${primary.target.repair}.menu`)}
          onRepair={(target) => onAction({ kind: 'repair', target })}
        />
      )}
      {primary?.kind === 'retry' && (
        <a
          href={retryHref}
          aria-disabled={denial ? true : undefined}
          title={denial && t(`actions.why.${denial}`)}
          className={buttonClass('primary')}
          onClick={(event) => {
            event.preventDefault();
            if (!denial) onAction({ kind: 'retry' });
          }}
        >
          {t('actions.batch_retry.menu')}
        </a>
      )}
      <Menu
        label={t('batch.menu')}
        href={offersRetry ? retryHref : href(`/audit?target=${batch.id}`)}
        open={isMenuOpen}
        onOpenChange={setMenuOpen}
        trigger={menuButton}
        items={() => [
          ...(primary?.kind === 'retry'
            ? []
            : [
                {
                  key: 'retry',
                  text: t('actions.batch_retry.menu'),
                  reason: retryReason && t(`actions.why.${retryReason}`),
                  onSelect: () => onAction({ kind: 'retry', fromMenu: true }),
                },
              ]),
          {
            key: 'audit',
            text: t('batch.history'),
            reason: null,
            onSelect: () => router.push(`/audit?target=${batch.id}`),
          },
        ]}
      />
    </>
  );
}

function OutcomeNote({ outcome, onDismiss }: { outcome: Outcome; onDismiss: () => void }) {
  const errors = useTranslations('errors');
  const note = () => {
    if (outcome.kind === 'retry') return <BatchOutcome result={outcome.result} />;
    const { target, result } = outcome;
    if (!result.ok) return <p className="text-danger">{errors(result.error)}</p>;
    const { counts, failures } = result.value;
    return <RepairOutcome repair={target.repair} counts={counts} notDone={failures} />;
  };
  return (
    <div role="status" className="mt-2">
      <Dismissible onDismiss={onDismiss}>{note()}</Dismissible>
    </div>
  );
}
