'use client';

import { useQuery } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import type { JobAction } from '@/lib/good-job/types';
import { isBlankName, nameParams } from '@/lib/jobs/links';
import type { ExecutionRow, JobDetail, JobPreview, JobRow } from '@/lib/jobs/types';
import { useHref } from '../application';
import { CopyButton } from '../copy-button';
import { MoreMessages } from '../i18n/more-messages';
import { Link } from '../navigation';
import { useDenials } from '../permissions';
import { usePollingSettings } from '../polling/polling-provider';
import { useDuration } from '../quantities';
import { fetchJson } from '../requests';
import { AbsoluteTime } from '../time';
import { Button, buttonClass } from '../ui/button';
import { RubyClassName } from '../ui/code';
import { Icon } from '../ui/icon';
import { Menu } from '../ui/menu';
import { DESTRUCTIVE, MENU_ACTIONS, disabledReason } from './action-rules';
import type { OnAction } from './job-row';
import { ErrorText, JobArguments } from './job-text';
import { StateBadge, StateRefinements } from './state-badge';
import { WhyWaiting } from './why-waiting';

interface Props {
  id: string;
  /** The job's row; null if it is not on this page of the list. */
  row: JobRow | null;
  /** The preview of the first paint. */
  initial: JobPreview | null;
  /** The place of the row in the list; `index` is -1 for a job without a row. */
  position: { index: number; total: number };
  onMove: (to: 'next' | 'previous') => void;
  onAction: OnAction;
  onClose: () => void;
}

/** From this width on the panel is beside the list, and below it covers the screen. */
const WIDE = '(min-width: 48rem)';

function usePreviewData(id: string, initial: JobPreview | null) {
  const href = useHref();
  const { intervalMs } = usePollingSettings();
  const path = `/api/jobs/${id}`;
  return useQuery({
    queryKey: [path],
    queryFn: ({ signal }) => fetchJson<JobPreview>(href(path), signal),
    initialData: initial?.job.id === id ? initial : undefined,
    staleTime: 1_000,
    retry: false,
    // A finished job changes only by an action, which refetches everything.
    refetchInterval: ({ state }) =>
      state.data?.job.finishedAt || state.error ? false : intervalMs,
  });
}

/** A job beside its list: what failed, its arguments, attempts, facts and actions. */
export default function PreviewPanel(props: Props) {
  return (
    <MoreMessages>
      <Preview {...props} />
    </MoreMessages>
  );
}

function Preview(props: Props) {
  const { id, row, initial, onClose } = props;
  const t = useTranslations();
  const { data, error, refetch } = usePreviewData(id, initial);
  const panel = useRef<HTMLElement>(null);
  const close = useRef<HTMLAnchorElement>(null);
  const content = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!window.matchMedia(WIDE).matches) close.current?.focus();
  }, []);
  useEffect(() => {
    content.current?.scrollTo({ top: 0 });
  }, [id]);
  const job = data?.job ?? row;
  const isMissing = error?.message === 'not_found';
  // The URL names a job that does not exist.
  if (isMissing && !row) return null;
  return (
    <aside ref={panel} data-preview={id} aria-label={t('preview.label')} className="preview-panel">
      <PanelHeader {...props} job={job} closeRef={close} onClose={onClose} />
      <div ref={content} className="min-h-0 flex-1 overflow-y-auto px-4 py-3">
        {job && <PanelActions job={job} onAction={props.onAction} />}
        {isMissing && <p className="text-soft">{t('outcomes.missing')}</p>}
        {error && !isMissing && !data && (
          <p role="alert" className="flex items-center gap-2 text-danger">
            {t('errors.partial')}{' '}
            <Button onClick={() => void refetch()}>{t('errors.retry')}</Button>
          </p>
        )}
        {data && <PanelContent preview={data} />}
        {!data && !error && (
          <p className="mt-4 text-soft" aria-busy="true">
            {t('common.loading')}
          </p>
        )}
      </div>
    </aside>
  );
}

function PanelHeader({
  id,
  job,
  position: { index, total },
  closeRef,
  onMove,
  onClose,
}: Props & { job: JobRow | null; closeRef: React.RefObject<HTMLAnchorElement | null> }) {
  const t = useTranslations();
  const blankOrName = isBlankName(job?.jobClass ?? null) ? t('jobs.noClass') : job?.jobClass;
  const name = job?.unwrapped ?? blankOrName ?? '';
  return (
    <header className="flex items-start gap-2 border-b border-line px-4 py-2.5">
      <div className="min-w-0 flex-1">
        <h2 className="font-mono text-base font-semibold any-break">
          {job && <RubyClassName name={name} />}
        </h2>
        <p className="mt-0.5 flex flex-wrap items-center gap-2">
          {job && <StateBadge state={job.state} />}
          {job && <StateRefinements paused={job.paused} lostWorker={job.lostWorker} />}
          <span className="font-mono text-xs text-soft" title={id}>
            {id.slice(0, 8)}
          </span>
          <CopyButton text={id} label={t('search.fields.id')} />
        </p>
      </div>
      <div className="flex shrink-0 items-center gap-1">
        <span className="px-1 text-xs whitespace-nowrap text-faint js-only max-sm:hidden">
          {index >= 0 && t('preview.position', { index: index + 1, total })}
        </span>
        <Button
          kind="quiet"
          className="js-only px-1.5"
          aria-label={t('preview.previous')}
          title={t('preview.previous')}
          disabled={index <= 0}
          onClick={() => onMove('previous')}
        >
          <Icon name="fold" />
        </Button>
        <Button
          kind="quiet"
          className="js-only px-1.5"
          aria-label={t('preview.next')}
          title={t('preview.next')}
          disabled={index < 0 || index >= total - 1}
          onClick={() => onMove('next')}
        >
          <Icon name="unfold" />
        </Button>
        <Link href={`/jobs/${id}`} prefetch={false} className={buttonClass()}>
          {t('preview.open')}
        </Link>
        <Link
          ref={closeRef}
          href="/jobs"
          prefetch={false}
          aria-label={t('preview.close')}
          title={t('preview.close')}
          className={`${buttonClass('quiet')} px-1.5`}
          onClick={(event) => {
            event.preventDefault();
            onClose();
          }}
        >
          <Icon name="close" />
        </Link>
      </div>
    </header>
  );
}

/** The action that the state suggests, and the others in a menu; only what is possible. */
function PanelActions({ job, onAction }: { job: JobRow; onAction: OnAction }) {
  const t = useTranslations();
  const href = useHref();
  const denials = useDenials();
  const [open, setOpen] = useState(false);
  const trigger = useRef<HTMLElement>(null);
  const possible = MENU_ACTIONS.filter((action) => !disabledReason(action, job, denials));
  const [primary, ...others] = possible;
  if (!primary) return null;
  const isPrimary = !DESTRUCTIVE.has(primary);
  const button = (action: JobAction) => (
    <a
      href={href(`/jobs/${job.id}/${action}`)}
      className={buttonClass(isPrimary ? 'primary' : 'plain')}
      onClick={(event) => {
        event.preventDefault();
        onAction(job, action, event.currentTarget);
      }}
    >
      {t(`actions.${action}.menu`)}
    </a>
  );
  return (
    <div className="mb-3 flex items-center gap-2">
      {button(primary)}
      {others.length > 0 && (
        <Menu
          label={t('jobs.menu', { id: job.id })}
          href={href(`/jobs/${job.id}#actions`)}
          open={open}
          onOpenChange={setOpen}
          trigger={trigger}
          items={() =>
            others.map((action) => ({
              key: action,
              text: t(`actions.${action}.menu`),
              reason: null,
              isDestructive: DESTRUCTIVE.has(action),
              onSelect: () => onAction(job, action, trigger.current),
            }))
          }
        />
      )}
    </div>
  );
}

function PanelContent({ preview: { job, attempts } }: { preview: JobPreview }) {
  const t = useTranslations();
  return (
    <div className="flex flex-col gap-4">
      <WhyWaiting waiting={job.waiting} job={job} />
      {job.error?.trim() && (
        <Section title={t('jobs.error')}>
          <ErrorText text={job.error} label={t('jobs.error')} />
          <Frames frames={attempts.find(({ error }) => error)?.applicationFrames ?? []} />
        </Section>
      )}
      <Section title={t('job.arguments')}>
        <JobArguments job={job} />
      </Section>
      {attempts.length > 0 && (
        <Section title={t('job.executions')}>
          <ol className="card divide-y divide-line">
            {attempts.map((attempt) => (
              <Attempt key={attempt.id} attempt={attempt} jobError={job.error} />
            ))}
          </ol>
          {job.attempts > attempts.length && (
            <p className="mt-1 text-sm">
              <Link href={`/jobs/${job.id}#executions`} prefetch={false}>
                {t('preview.allAttempts', { count: job.attempts })}
              </Link>
            </p>
          )}
        </Section>
      )}
      <Section title={t('job.details')}>
        <Facts job={job} />
      </Section>
    </div>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section>
      <h3 className="mb-1 text-xs font-semibold text-soft">{title}</h3>
      {children}
    </section>
  );
}

/** The first frames of the application, which say where it failed. */
function Frames({ frames }: { frames: string[] }) {
  if (frames.length === 0) return null;
  return (
    <ul className="mt-1 font-mono text-xs text-soft">
      {frames.slice(0, 3).map((frame, n) => (
        <li key={n} className="any-break">
          {frame}
        </li>
      ))}
    </ul>
  );
}

function Attempt({ attempt, jobError }: { attempt: ExecutionRow; jobError: string | null }) {
  const t = useTranslations();
  const duration = useDuration();
  const { number, state, createdAt, queueWait, runTime, error } = attempt;
  // The error of the last attempt is above already.
  const isRepeated = error !== null && (jobError ?? '').startsWith(error);
  return (
    <li className="px-3 py-1.5">
      <div className="flex flex-wrap items-center gap-x-3">
        <span className="min-w-14 whitespace-nowrap text-soft">
          {t('job.attempt', { number: number ?? '?' })}
        </span>
        <span className={state === 'discarded' ? 'text-discarded' : ''}>
          {t(`executionStates.${state}`)}
        </span>
        <span className="ml-auto flex flex-wrap gap-x-3 text-xs text-soft">
          {queueWait !== null && (
            <span>
              {t('jobs.columns.wait')} {duration(queueWait)}
            </span>
          )}
          {runTime !== null && (
            <span>
              {t('jobs.columns.runtime')} {duration(runTime)}
            </span>
          )}
          <AbsoluteTime iso={createdAt} />
        </span>
      </div>
      {error && !isRepeated && (
        <p className="truncate font-mono text-xs text-soft" title={error}>
          {error}
        </p>
      )}
    </li>
  );
}

function Facts({ job }: { job: JobDetail }) {
  const t = useTranslations();
  const duration = useDuration();
  const time = (iso: string | null) => iso && <AbsoluteTime iso={iso} />;
  const link = (href: string, text: string | null) =>
    text && (
      <Link href={href} prefetch={false} className="font-mono text-xs any-break">
        {text}
      </Link>
    );
  const jobsOf = (params: Record<string, string>) => `/jobs?${new URLSearchParams(params)}`;
  const facts: [string, ReactNode][] = [
    [t('jobs.columns.queue'), link(jobsOf(nameParams({ queue: job.queueName })), job.queueName)],
    [t('jobs.columns.priority'), job.priority],
    [t('jobs.columns.attempts'), job.attempts],
    [t('jobs.columns.labels'), job.labels.join(', ') || null],
    [t('jobs.columns.wait'), job.wait === null ? null : duration(job.wait)],
    [t('jobs.columns.runtime'), job.run === null ? null : duration(job.run)],
    [t('job.created'), time(job.createdAt)],
    [t('job.scheduled'), time(job.scheduledAt)],
    [t('job.performed'), time(job.performedAt)],
    [t('job.finished'), time(job.finishedAt)],
    [t('job.batch'), link(`/batches/${job.batchId}`, job.batchId)],
    [t('job.callbackBatch'), link(`/batches/${job.batchCallbackId}`, job.batchCallbackId)],
    [t('job.cronKey'), link(jobsOf({ cron_key: job.cronKey ?? '' }), job.cronKey)],
    [t('job.concurrencyKey'), job.concurrencyKey],
    [t('job.errorEvent'), job.errorEvent && t(`errorEvents.${job.errorEvent}`)],
    [t('job.lockedBy'), link(jobsOf({ process_id: job.lockedById ?? '' }), job.lockedById)],
  ];
  return (
    <dl className="grid grid-cols-[7rem_minmax(0,1fr)] gap-x-3 gap-y-1">
      {facts
        .filter(([, value]) => value !== null && value !== '')
        .map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-soft">{name}</dt>
            <dd className="any-break">{value}</dd>
          </div>
        ))}
    </dl>
  );
}
