import { useTranslations } from 'next-intl';
import { type ReactNode, useState } from 'react';
import type { ProcessState } from '@/lib/good-job/processes';
import { isBlankName } from '@/lib/jobs/links';
import type { ProcessRow } from '@/lib/processes/queries';
import { useHref } from '../application';
import { Link } from '../navigation';
import { useCount, useCountText } from '../quantities';
import { RawJson } from '../raw-json';
import { RelativeTime } from '../time';
import { Button, buttonClass } from '../ui/button';
import { JsonBlock } from '../ui/code';
import { Icon } from '../ui/icon';
import { Schedulers } from './schedulers';

/** One process: identity, state, queues and jobs. Values that it does not report are dashes. */
export function ProcessCard({
  process,
  raw,
  open,
}: {
  process: ProcessRow;
  raw: string | null;
  open: boolean;
}) {
  const t = useTranslations('processes');
  const { reportedState } = process;
  return (
    <li id={`process-${process.id}`} data-process={process.id} className="card px-3 py-2.5">
      <ProcessHead process={process} />
      {process.tooLarge && (
        <p className="mt-1 flex items-center gap-1 text-sm text-warn">
          <Icon name="warning" className="size-3.5" />
          {t('tooLarge')}
        </p>
      )}
      <ProcessFacts process={process} />
      {reportedState && (
        <Schedulers schedulers={reportedState.schedulers} total={reportedState.schedulersTotal} />
      )}
      <ProcessJobs process={process} />
      {!process.tooLarge && (
        <ProcessRaw
          key={String(open)}
          id={process.id}
          raw={raw}
          open={open}
          otherKeys={reportedState?.otherKeys ?? []}
        />
      )}
    </li>
  );
}

/** The names, state, memory and id of a process. */
function ProcessHead({ process }: { process: ProcessRow }) {
  const t = useTranslations('processes');
  const count = useCount();
  const { reportedState } = process;
  const dash = t('notReported');
  return (
    <>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <ProcessStateBadge state={process.state} />
        <h2
          className="min-w-0 font-mono font-semibold any-break"
          title={reportedState?.proctitle ?? undefined}
        >
          <span aria-hidden="true" className="text-soft">
            ${' '}
          </span>
          {reportedState?.basename || t('noTitle')}
        </h2>
        <span className="min-w-0 text-sm any-break text-soft">
          PID <span className="font-mono text-ink">{reportedState?.pid ?? dash}</span> @{' '}
          <span className="font-mono text-ink">{reportedState?.hostname ?? dash}</span>
        </span>
        {reportedState?.memory !== null && reportedState?.memory !== undefined && (
          <span className="text-sm whitespace-nowrap">
            {t('memory', { number: count(Math.floor(reportedState.memory / 1024)) })}
          </span>
        )}
      </div>
      {reportedState?.proctitle && reportedState.proctitle !== reportedState.basename && (
        <p className="mt-0.5 font-mono text-xs any-break text-soft">{reportedState.proctitle}</p>
      )}
      <p className="mt-0.5 font-mono text-xs break-all text-soft">{process.id}</p>
    </>
  );
}

function ProcessFacts({ process }: { process: ProcessRow }) {
  const t = useTranslations('processes');
  const count = useCount();
  const { reportedState } = process;
  const dash = t('notReported');
  const formatShare = (part: number | null, whole: number | null) =>
    part === null && whole === null
      ? dash
      : `${part === null ? '?' : count(part)} / ${whole === null ? '?' : count(whole)}`;
  const number = (value: number | null | undefined) =>
    value === null || value === undefined ? dash : count(value);
  const setting = (value: boolean | string | null | undefined) => {
    if (value === null || value === undefined) return dash;
    return typeof value === 'string' ? value : t(value ? 'yes' : 'no');
  };
  const lockText = () => {
    if (process.lockType === 'advisory') return t('lockAdvisory');
    return process.lockType === null ? t('heartbeat') : String(process.lockType);
  };
  return (
    <dl className="mt-2 grid grid-cols-2 gap-x-5 gap-y-1 sm:grid-cols-3 lg:grid-cols-5">
      <Fact label={t('threads')} title={t('threadsHint')}>
        {formatShare(process.threads.busy, process.threads.total)}
      </Fact>
      <Fact label={t('cron')}>{setting(reportedState?.cronEnabled)}</Fact>
      <Fact label={t('started')}>
        <RelativeTime iso={process.createdAt} />
      </Fact>
      <Fact label={t('lastSeen')} isWarning={process.state !== 'live'}>
        <RelativeTime iso={process.updatedAt} />
      </Fact>
      <Fact
        label={t('lock')}
        title={t(process.lockType === 'advisory' ? 'lockHint' : 'heartbeatHint')}
      >
        {lockText()}
      </Fact>
      <Fact label={t('succeeded')}>{number(reportedState?.succeeded)}</Fact>
      <Fact label={t('errored')}>{number(reportedState?.errored)}</Fact>
      <Fact label={t('databasePool')}>
        {reportedState?.databasePool
          ? formatShare(reportedState.databasePool.active, reportedState.databasePool.size)
          : dash}
      </Fact>
      <Fact isWide label={<code>preserve_job_records</code>}>
        {setting(reportedState?.preserveJobRecords)}
      </Fact>
      <Fact isWide label={<code>retry_on_unhandled_error</code>}>
        {setting(reportedState?.retryOnUnhandledError)}
      </Fact>
    </dl>
  );
}

/** `isWide` is for a label that fills the width of a phone. */
function Fact({
  label,
  children,
  title,
  isWarning = false,
  isWide = false,
}: {
  label: ReactNode;
  children: ReactNode;
  title?: string;
  isWarning?: boolean;
  isWide?: boolean;
}) {
  return (
    <div
      className={`min-w-0 text-sm ${isWide ? 'max-sm:col-span-2 max-sm:flex max-sm:gap-x-2' : ''}`}
    >
      <dt className="any-break text-soft">{label}</dt>
      <dd title={title} className={`any-break ${isWarning ? 'text-warn' : ''}`}>
        {children}
      </dd>
    </div>
  );
}

const STATE_STYLES = {
  live: { icon: 'succeeded', classes: 'px-0 text-soft' },
  stale: { icon: 'clock', classes: 'bg-warn-wash text-warn' },
  dead: { icon: 'lost', classes: 'bg-discarded-wash text-discarded' },
  unknown: { icon: 'help', classes: 'bg-sunken text-soft' },
} as const;

/** The state of a process as colour, icon and text. */
function ProcessStateBadge({ state }: { state: ProcessState }) {
  const t = useTranslations('processes');
  return (
    <span title={t(`hints.${state}`)} className={`badge ${STATE_STYLES[state].classes}`}>
      <Icon name={STATE_STYLES[state].icon} className="size-3.5" />
      {t(`states.${state}`)}
    </span>
  );
}

/** The jobs that a process runs, or that a dead process still locks. */
function ProcessJobs({ process }: { process: ProcessRow }) {
  const t = useTranslations('processes');
  const jobs = useTranslations('jobs');
  const countText = useCountText();
  const { text } = countText(process.running);
  if (process.jobs.length === 0) return <p className="mt-2 text-sm text-soft">{t('noJobs')}</p>;
  const isDead = process.state === 'dead';
  return (
    <div className="mt-2 text-sm">
      <h3 className={isDead ? 'text-warn' : 'text-soft'}>
        {t(isDead ? 'heldJobs' : 'runningJobs')}
        <Link
          href={`/jobs?${new URLSearchParams({ state: 'running', process_id: process.id })}`}
          prefetch={false}
          className="ml-1 text-accent underline"
        >
          {t('allJobs', { number: text })}
        </Link>
      </h3>
      <ul className="mt-0.5 flex flex-col gap-0.5">
        {process.jobs.map((job) => (
          <li key={job.id} className="flex min-w-0 flex-wrap items-baseline gap-x-3">
            <Link
              href={`/jobs/${job.id}`}
              prefetch={false}
              className="font-mono any-break text-ink no-underline hover:text-accent hover:underline"
            >
              {isBlankName(job.jobClass) ? jobs('noClass') : job.jobClass}
            </Link>
            {!isBlankName(job.queueName) && <span className="chip">{job.queueName}</span>}
            <span className="text-soft">
              <RelativeTime iso={job.performedAt} />
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

/**
 * The reported state of a process as JSON, fetched on expanding; `raw` is set without JavaScript.
 */
function ProcessRaw({
  id,
  raw,
  open,
  otherKeys,
}: {
  id: string;
  raw: string | null;
  open: boolean;
  otherKeys: string[];
}) {
  const t = useTranslations('processes');
  const href = useHref();
  const [isOpen, setOpen] = useState(open);
  if (raw)
    return (
      <div className="mt-2">
        <JsonBlock text={raw} label={t('raw', { id })} />
      </div>
    );
  return (
    <div className="mt-2">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <a
          href={href(`/processes?raw=${id}#process-${id}`)}
          className={`${buttonClass()} no-js-only`}
        >
          {t('rawShow')}
        </a>
        <Button
          className="js-only"
          aria-expanded={isOpen}
          aria-label={t(isOpen ? 'rawHideOf' : 'rawShowOf', { id })}
          onClick={() => setOpen(!isOpen)}
        >
          {t(isOpen ? 'rawHide' : 'rawShow')}
        </Button>
        {otherKeys.length > 0 && (
          <span className="text-sm any-break text-soft">
            {t('otherKeys', { keys: otherKeys.join(', ') })}
          </span>
        )}
      </div>
      {isOpen && (
        <div className="mt-2">
          <RawJson path={`/api/processes/${id}/raw`} label={t('raw', { id })} />
        </div>
      )}
    </div>
  );
}
