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

/** One process: who it is, whether it lives, what it serves and what it runs. What it does not tell is a dash. */
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
  const count = useCount();
  const { told } = process;
  const dash = t('notTold');
  const of = (part: number | null, whole: number | null) =>
    part === null && whole === null
      ? dash
      : `${part === null ? '?' : count(part)} / ${whole === null ? '?' : count(whole)}`;
  const number = (value: number | null | undefined) =>
    value === null || value === undefined ? dash : count(value);
  const setting = (value: boolean | string | null | undefined) =>
    value === null || value === undefined
      ? dash
      : typeof value === 'string'
        ? value
        : t(value ? 'yes' : 'no');
  return (
    <li
      id={`process-${process.id}`}
      data-process={process.id}
      className="rounded-md border border-line px-3 py-2.5"
    >
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <ProcessStateBadge state={process.state} />
        <h2
          className="min-w-0 font-mono font-semibold any-break"
          title={told?.proctitle ?? undefined}
        >
          <span aria-hidden="true" className="text-soft">
            ${' '}
          </span>
          {told?.basename || t('noTitle')}
        </h2>
        <span className="min-w-0 text-[13px] any-break text-soft">
          PID <span className="font-mono text-ink">{told?.pid ?? dash}</span> @{' '}
          <span className="font-mono text-ink">{told?.hostname ?? dash}</span>
        </span>
        {told?.memory !== null && told?.memory !== undefined && (
          <span className="text-[13px] whitespace-nowrap">
            {t('memory', { number: count(Math.floor(told.memory / 1024)) })}
          </span>
        )}
      </div>
      {told?.proctitle && told.proctitle !== told.basename && (
        <p className="mt-0.5 font-mono text-[12.5px] any-break text-soft">{told.proctitle}</p>
      )}
      <p className="mt-0.5 font-mono text-[12px] break-all text-soft">{process.id}</p>
      {process.tooLarge && (
        <p className="mt-1 flex items-center gap-1 text-[13px] text-warn">
          <Icon name="warning" className="size-3.5" />
          {t('tooLarge')}
        </p>
      )}
      <dl className="mt-2 grid grid-cols-2 gap-x-5 gap-y-1 sm:grid-cols-3 lg:grid-cols-5">
        <Fact label={t('threads')} title={t('threadsHint')}>
          {of(process.threads.busy, process.threads.total)}
        </Fact>
        <Fact label={t('cron')}>{setting(told?.cronEnabled)}</Fact>
        <Fact label={t('started')}>
          <RelativeTime iso={process.createdAt} />
        </Fact>
        <Fact label={t('lastSeen')} warn={process.state !== 'live'}>
          <RelativeTime iso={process.updatedAt} />
        </Fact>
        <Fact
          label={t('lock')}
          title={t(process.lockType === 'advisory' ? 'lockHint' : 'heartbeatHint')}
        >
          {process.lockType === 'advisory'
            ? t('lockAdvisory')
            : process.lockType === null
              ? t('heartbeat')
              : String(process.lockType)}
        </Fact>
        <Fact label={t('succeeded')}>{number(told?.succeeded)}</Fact>
        <Fact label={t('errored')}>{number(told?.errored)}</Fact>
        <Fact label={t('databasePool')}>
          {told?.databasePool ? of(told.databasePool.active, told.databasePool.size) : dash}
        </Fact>
        <Fact wide label={<code>preserve_job_records</code>}>
          {setting(told?.preserveJobRecords)}
        </Fact>
        <Fact wide label={<code>retry_on_unhandled_error</code>}>
          {setting(told?.retryOnUnhandledError)}
        </Fact>
      </dl>
      {told && <Schedulers schedulers={told.schedulers} total={told.schedulersTotal} />}
      <ProcessJobs process={process} />
      {!process.tooLarge && (
        <ProcessRaw
          key={String(open)}
          id={process.id}
          raw={raw}
          open={open}
          otherKeys={told?.otherKeys ?? []}
        />
      )}
    </li>
  );
}

/** `wide`: its label is as long as a phone allows. */
function Fact({
  label,
  children,
  title,
  warn = false,
  wide = false,
}: {
  label: ReactNode;
  children: ReactNode;
  title?: string;
  warn?: boolean;
  wide?: boolean;
}) {
  return (
    <div
      className={`min-w-0 text-[13px] ${wide ? 'max-sm:col-span-2 max-sm:flex max-sm:gap-x-2' : ''}`}
    >
      <dt className="any-break text-soft">{label}</dt>
      <dd title={title} className={`any-break ${warn ? 'text-warn' : ''}`}>
        {children}
      </dd>
    </div>
  );
}
