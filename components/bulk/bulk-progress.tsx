'use client';

import { useQuery } from '@tanstack/react-query';
import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { controlBulkAction, submitBulkControl } from '@/lib/bulk/actions';
import {
  type BulkRun,
  type BulkStart,
  type Control,
  permissionOf,
  processedCount,
} from '@/lib/bulk/types';
import { escapeBidi } from '@/lib/core/text';
import { formAction } from '../action-form';
import { useHref } from '../application';
import { Link } from '../navigation';
import { useDenials } from '../permissions';
import { RefreshNote } from '../polling/polling-status';
import { useCount, useDuration } from '../quantities';
import { fetchJson, toActionError } from '../requests';
import { Button } from '../ui/button';
import { StackedBar } from '../ui/inline-charts';
import { useBulkCount } from './bulk-preview';
import { BulkTotals, RetryCounts, RunStateBadge } from './run-summary';

/** Independent of the viewer's own refresh interval: the viewer waits for this run. */
const POLL_MS = 1_000;
const IDLE_POLL_MS = 5_000;

interface Props {
  id: string;
  /** Data of the first paint, if the page has loaded it. */
  initial?: BulkRun;
  /** Whether this is the run's own page, which needs no link to it. */
  own?: boolean;
  onEnd?: () => void;
}

/** A bulk run: progress, rate, remaining time, outcomes and controls. */
export function BulkProgress({ id, initial, own = false, onEnd }: Props) {
  const t = useTranslations();
  const href = useHref();
  const {
    data: run,
    error,
    dataUpdatedAt,
    refetch,
  } = useQuery({
    queryKey: ['bulk', id],
    queryFn: () => fetchJson<BulkRun>(href(`/api/bulk/${id}`)),
    initialData: initial,
    staleTime: 500,
    refetchInterval: ({ state }) => pollInterval(state.data),
  });
  const hasEnded = isOver(run);
  const hasNotifiedEnd = useRef(isOver(initial));
  useEffect(() => {
    if (!hasEnded || hasNotifiedEnd.current) return;
    hasNotifiedEnd.current = true;
    onEnd?.();
  }, [hasEnded, onEnd]);
  if (!run) return <p className="text-soft">{error ? t('errors.partial') : t('common.loading')}</p>;
  return (
    <div className="card px-3 py-2.5" data-run={run.id}>
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1">
        <p className="flex flex-wrap items-center gap-2">
          <strong>{t(`bulk.names.${run.action}`)}</strong>
          <RunStateBadge state={run.state} />
        </p>
        {!own && (
          <Link href={`/bulk/${run.id}`} prefetch={false} className="text-accent">
            {t('bulk.open')}
          </Link>
        )}
      </div>
      <Progress run={run} />
      <div className="mt-1.5">
        <BulkTotals counts={run.counts} />
      </div>
      {run.retries && (
        <div className="mt-1.5">
          <RetryCounts counts={run.retries} />
          {own && <p className="mt-1 text-sm text-soft">{t('bulk.retries.hint')}</p>}
        </div>
      )}
      <ConfirmedCount run={run} />
      <PauseReason run={run} />
      {!hasEnded && <BulkControls run={run} onDone={() => void refetch()} />}
      {error && <RefreshNote at={dataUpdatedAt} error={error} />}
    </div>
  );
}

/** The progress on the run's own page; refreshes the server-rendered parts when the run ends. */
export function RunView({ run }: { run: BulkRun }) {
  const router = useRouter();
  return <BulkProgress id={run.id} initial={run} own onEnd={() => router.refresh()} />;
}

/** The progress of the started run, or the outcomes if no console schema exists to store a run. */
export function BulkStartResult({ started, onEnd }: { started: BulkStart; onEnd?: () => void }) {
  if (started.kind === 'started')
    return <BulkProgress key={started.runId} id={started.runId} onEnd={onEnd} />;
  if (started.kind !== 'done') return null;
  return (
    <div role="status">
      <BulkTotals counts={started.counts} />
    </div>
  );
}

function pollInterval(run: BulkRun | undefined): number | false {
  // After its end the run is polled while its retried jobs may still run.
  if (isOver(run)) return run?.retries && run.retries.waiting > 0 ? IDLE_POLL_MS : false;
  return !run || run.state === 'running' ? POLL_MS : IDLE_POLL_MS;
}

function isOver(run: BulkRun | undefined): boolean {
  return run !== undefined && ['finished', 'cancelled', 'refused'].includes(run.state);
}

function Progress({ run }: { run: BulkRun }) {
  const t = useTranslations('bulk');
  const count = useCount();
  const duration = useDuration();
  const bulkCount = useBulkCount();
  const processed = processedCount(run.counts);
  const total = Math.max(run.expected.count, processed);
  const doneShare = total === 0 ? 0 : (run.counts.done ?? 0) / total;
  const perSecond = run.activeMs > 0 ? processed / (run.activeMs / 1000) : 0;
  const remainingSeconds = perSecond > 0 ? (total - processed) / perSecond : null;
  const label = t('progress', {
    done: count(processed),
    total: bulkCount({ ...run.expected, count: total }),
  });
  return (
    <>
      <StackedBar
        label={label}
        className="mt-2"
        segments={[
          { key: 'done', share: doneShare, className: 'fill-succeeded' },
          {
            key: 'not done',
            share: total === 0 ? 0 : processed / total - doneShare,
            className: 'fill-warn',
          },
        ]}
      />
      <p
        role={run.state === 'running' ? undefined : 'status'}
        className="mt-1 flex flex-wrap gap-x-4 text-sm"
      >
        <span>{label}</span>
        {perSecond > 0 && <span>{t('rate', { number: count(Math.round(perSecond)) })}</span>}
        {run.state === 'running' && remainingSeconds !== null && (
          <span>{t('remaining', { time: duration(remainingSeconds) })}</span>
        )}
        {run.state !== 'running' && (
          <span>{t('activeTime', { time: duration(run.activeMs / 1000) })}</span>
        )}
        {run.state === 'running' && run.secondTry && processed < total && (
          <span>{t('secondTry')}</span>
        )}
      </p>
    </>
  );
}

/** Explains why the run has fewer jobs than confirmed, or was refused because it has more. */
function ConfirmedCount({ run: { state, confirmed, expected } }: { run: BulkRun }) {
  const t = useTranslations('bulk');
  const bulkCount = useBulkCount();
  if (confirmed === null) return null;
  const numbers = {
    number: bulkCount(expected),
    confirmed: bulkCount({ kind: 'exact', count: confirmed }),
  };
  if (state === 'refused')
    return (
      <p role="alert" className="mt-1.5 text-danger">
        {t('refusedMore', numbers)}
      </p>
    );
  return expected.kind === 'exact' && expected.count < confirmed ? (
    <p className="mt-1.5">{t('fewer', numbers)}</p>
  ) : null;
}

/** Why the run does not progress, and how to continue it. */
function PauseReason({ run }: { run: BulkRun }) {
  const t = useTranslations();
  if (run.state === 'interrupted')
    return <p className="mt-1.5 text-warn">{t('bulk.interruptedHint')}</p>;
  if (run.state !== 'paused') return null;
  const { pauseReason } = run;
  if (!pauseReason)
    return (
      <p className="mt-1.5">
        {t('bulk.pausedBy', { viewer: escapeBidi(run.controlledBy ?? run.viewer) })}
      </p>
    );
  const isRefusal =
    pauseReason === 'app_name_unknown' ||
    pauseReason === 'params_not_an_object' ||
    pauseReason === 'params_without_job_class' ||
    pauseReason === 'params_of_wrong_type';
  return (
    <p role="alert" className="mt-1.5 text-danger">
      {t('bulk.pausedItself')}{' '}
      {isRefusal
        ? t(`outcomes.refused.${pauseReason}`)
        : t(`bulk.reasons.${reasonKey(pauseReason)}`)}
    </p>
  );
}

/** Messages for a paused run, because those for a single action end in "nothing was changed". */
function reasonKey(
  code: string,
): 'query_timeout' | 'locked' | 'no_permission' | 'database' | 'unexpected' {
  if (code === 'query_timeout' || code === 'locked' || code === 'no_permission') return code;
  if (code === 'read_only' || code === 'forbidden') return 'no_permission';
  return code.startsWith('database') || code.startsWith('tls') ? 'database' : 'unexpected';
}

const CONTROLS_BY_STATE: Record<BulkRun['state'], Control[]> = {
  running: ['pause', 'cancel'],
  interrupted: ['resume', 'cancel'],
  paused: ['resume', 'cancel'],
  cancelled: [],
  refused: [],
  finished: [],
};

const BUTTON_KINDS = {
  pause: 'plain',
  resume: 'primary',
  cancel: 'danger',
} as const satisfies Record<Control, string>;

/** Pause, resume and cancel, as forms so that they work without JavaScript. */
function BulkControls({ run, onDone }: { run: BulkRun; onDone: () => void }) {
  const t = useTranslations();
  const denial = useDenials()[permissionOf(run.action)];
  const [pending, setPending] = useState<Control | null>(null);
  const [problem, setProblem] = useState<string | null>(null);

  async function submit(event: FormEvent, control: Control) {
    event.preventDefault();
    setPending(control);
    setProblem(null);
    const result = await controlBulkAction({ id: run.id, control }).catch(toActionError);
    setPending(null);
    if (!result.ok) setProblem(t(`errors.${result.error}`));
    else if (result.value !== 'done') setProblem(t(`bulk.notControlled.${result.value}`));
    onDone();
  }

  return (
    <div className="mt-2 flex flex-wrap items-center gap-2">
      {CONTROLS_BY_STATE[run.state].map((control) => (
        <form
          key={control}
          action={formAction(submitBulkControl)}
          onSubmit={(event) => void submit(event, control)}
        >
          <input type="hidden" name="id" value={run.id} />
          <input type="hidden" name="control" value={control} />
          <Button
            type="submit"
            kind={BUTTON_KINDS[control]}
            disabled={pending !== null || denial !== undefined}
            title={denial && t(`actions.why.${denial}`)}
          >
            {pending === control ? t('actions.working') : t(`bulk.controls.${control}`)}
          </Button>
        </form>
      ))}
      {problem && (
        <p role="alert" className="text-danger">
          {problem}
        </p>
      )}
    </div>
  );
}
