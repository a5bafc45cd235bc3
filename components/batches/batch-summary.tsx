import { useFormatter, useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import type { BatchProgress, BatchRow, BatchState, StuckCause } from '@/lib/batches/types';
import type { JobState } from '@/lib/good-job/types';
import { STATE_CLASSES } from '../jobs/state-badge';
import { useCount } from '../quantities';
import { RelativeTime, useAbsoluteTime } from '../time';
import { TooLarge } from '../too-large';
import { Icon } from '../ui/icon';
import { StackedBar } from '../ui/inline-charts';

/** The description of a batch; `clamp` is the class that limits its lines. */
export function BatchDescription({
  batch,
  clamp = 'line-clamp-3',
}: {
  batch: Pick<BatchRow, 'description' | 'tooLarge'>;
  clamp?: string;
}) {
  const t = useTranslations('batches');
  if (batch.tooLarge && batch.description !== null) return <TooLarge />;
  if (!batch.description?.trim()) return t('noDescription');
  return <span className={clamp}>{batch.description}</span>;
}

type DisplayedState = BatchState | 'stalled' | 'unfinished';

const DOTS: Record<Exclude<DisplayedState, 'stalled' | 'discarded'>, string> = {
  pending: 'bg-scheduled',
  running: 'bg-running',
  unfinished: 'bg-queued',
  finished: 'bg-succeeded',
};

/** `isStalled` null: it is unknown whether a job can run, so the batch is not called running. */
function progressState(batch: BatchRow, isStalled: boolean | null): keyof typeof DOTS | 'stalled' {
  if (batch.finishedAt) return 'finished';
  if (!batch.enqueuedAt) return 'pending';
  if (isStalled === null) return 'unfinished';
  return isStalled ? 'stalled' : 'running';
}

/** The state of a batch; a second badge marks a batch with discarded jobs. */
export function BatchStateBadge({
  batch,
  stalled,
  discarded = 0,
}: {
  batch: BatchRow;
  stalled: boolean | null;
  /** The number of discarded jobs, if it was counted. */
  discarded?: number;
}) {
  const t = useTranslations('batchStates');
  const state = progressState(batch, stalled);
  return (
    <>
      {state === 'stalled' ? (
        <span className="pill bg-warn-wash text-warn">
          <Icon name="warning" className="size-3.5" />
          {t(state)}
        </span>
      ) : (
        <span className="inline-flex items-center gap-1.5 whitespace-nowrap">
          <span aria-hidden="true" className={`dot ${DOTS[state]}`} />
          {t(state)}
        </span>
      )}
      {(batch.discardedAt !== null || discarded > 0) && (
        <span className="pill bg-discarded-wash text-discarded">{t('discarded')}</span>
      )}
    </>
  );
}

/** Returns the values that the messages of a cause contain. */
function useStuckValues(): (cause: StuckCause) => Record<string, string | number> {
  const t = useTranslations('stuck.pauses');
  const count = useCount();
  const format = useFormatter();
  const absolute = useAbsoluteTime();
  return (cause) => {
    if (!('count' in cause)) return {};
    const isLowerBound = cause.kind === 'lost_workers' && cause.more;
    const values = { count: cause.count, number: count(cause.count) + (isLowerBound ? '+' : '') };
    switch (cause.kind) {
      case 'paused': {
        const names = cause.by.map(({ by, name }) => t(by, { name }));
        if (names.length === 0) return { ...values, pauses: t('unnamed') };
        return { ...values, pauses: format.list(cause.more ? [...names, t('more')] : names) };
      }
      case 'queues_unserved':
        return {
          ...values,
          queues: format.list(cause.queues),
          more: cause.count - cause.queues.length,
        };
      case 'waits_until':
        return { ...values, time: absolute(cause.at) };
      default:
        return values;
    }
  };
}

/** Returns the sentence that says why a batch does not progress. */
export function useStuckSentence(): (cause: StuckCause) => string {
  const t = useTranslations('stuck');
  const valuesOf = useStuckValues();
  return (cause) => t(cause.kind, valuesOf(cause));
}

/** What a batch waits for, in a few words. */
export function StuckLabel({ cause }: { cause: StuckCause }): ReactNode {
  const t = useTranslations('stuck.short');
  const valuesOf = useStuckValues();
  return cause.kind === 'waits_until'
    ? t.rich(cause.kind, { time: () => <RelativeTime iso={cause.at} /> })
    : t(cause.kind, valuesOf(cause));
}

/** Finished states first, then running, then waiting. */
export const PROGRESS_ORDER: JobState[] = [
  'succeeded',
  'discarded',
  'running',
  'queued',
  'retried',
  'scheduled',
];

/** The jobs of a batch by state, as a bar. */
export function ProgressBar({ progress }: { progress: BatchProgress }) {
  const t = useTranslations('batch');
  const count = useCount();
  const { states, total } = progress;
  if (!states || total === 0) return null;
  const segments = PROGRESS_ORDER.map((state) => ({
    key: state,
    share: states[state] / total,
    className: STATE_CLASSES[state].fill,
  }));
  return (
    <StackedBar
      segments={segments}
      label={t('progressLabel', {
        done: count(states.succeeded + states.discarded),
        total: count(total),
      })}
    />
  );
}
