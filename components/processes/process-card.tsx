import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import type { ProcessRow } from '@/lib/processes/queries';
import { useCount } from '../quantities';
import { RelativeTime } from '../time';
import { Icon } from '../ui/icon';
import { ProcessJobs } from './process-jobs';
import { ProcessRaw } from './process-raw';
import { ProcessStateBadge } from './process-state';
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
