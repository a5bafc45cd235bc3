'use client';

import { useTranslations } from 'next-intl';
import { type ReactNode, Suspense, useState } from 'react';
import type { Permission } from '@/lib/auth/roles';
import { keyHref, nameParams } from '@/lib/jobs/links';
import type { JobDetail, JobPause, Waiting } from '@/lib/jobs/types';
import { useHref } from '../application';
import { DeniedButton } from '../attention/repair-link';
import { MoreMessages } from '../i18n/more-messages';
import { Link } from '../navigation';
import { useDenials } from '../permissions';
import { useCountText } from '../quantities';
import { RelativeTime } from '../time';
import { buttonClass } from '../ui/button';
import { Icon, type IconName } from '../ui/icon';
import { lazyScript } from '../ui/lazy-script';

// Loaded when the viewer first starts an action.
const WaitingDialog = lazyScript(() => import('./waiting-dialog'));

type WaitingJob = Pick<JobDetail, 'id' | 'jobClass' | 'queueName' | 'concurrencyKey'>;

/** An action that ends the wait of a job. */
export type WaitingAct =
  { kind: 'resume'; pause: JobPause } | { kind: 'release' } | { kind: 'run_now' };

const ICONS: Record<Waiting['reason']['kind'], IconName> = {
  lost_worker: 'lost',
  paused: 'paused',
  no_process: 'warning',
  queue_unserved: 'warning',
  concurrency_limit: 'queued',
  not_due: 'scheduled',
  in_line: 'queued',
};
const IS_PROBLEM = new Set<string>(['lost_worker', 'paused', 'no_process', 'queue_unserved']);

/** Why a job is not running, in one sentence, and the action that is safe for that reason. */
export function WhyWaiting({ waiting, job }: { waiting: Waiting | null; job: WaitingJob }) {
  if (!waiting) return null;
  return (
    <MoreMessages>
      <WaitingSection waiting={waiting} job={job} />
    </MoreMessages>
  );
}

function WaitingSection({ waiting, job }: { waiting: Waiting; job: WaitingJob }) {
  const t = useTranslations('waiting');
  const [act, setAct] = useState<{ act: WaitingAct; n: number } | null>(null);
  const { reason, dueAt } = waiting;
  const isProblem = IS_PROBLEM.has(reason.kind);
  const openDialog = (next: WaitingAct) =>
    setAct((current) => ({ act: next, n: (current?.n ?? 0) + 1 }));
  return (
    <section
      aria-label={t('title')}
      data-waiting={reason.kind}
      className={`card px-3 py-2.5 ${isProblem ? 'border-warn bg-warn-wash' : ''}`}
    >
      <div className="flex items-start gap-2">
        <Icon
          name={ICONS[reason.kind]}
          className={`mt-0.5 ${isProblem ? 'text-warn' : 'text-soft'}`}
        />
        <div className="min-w-0 flex-1">
          <h2 className="text-xs text-soft">{t('title')}</h2>
          <Sentence waiting={waiting} job={job} />
          {dueAt !== null && reason.kind !== 'not_due' && (
            <p className="text-soft">
              {t.rich('dueToo', { at: () => <RelativeTime iso={dueAt} /> })}
            </p>
          )}
          <Acts waiting={waiting} job={job} onAct={openDialog} />
        </div>
      </div>
      {act && (
        <Suspense>
          <WaitingDialog key={act.n} act={act.act} job={job} onClose={() => setAct(null)} />
        </Suspense>
      )}
    </section>
  );
}

function Sentence({ waiting, job }: { waiting: Waiting; job: WaitingJob }) {
  const t = useTranslations('waiting');
  const { reason, dueAt } = waiting;
  switch (reason.kind) {
    case 'lost_worker':
      return <p>{t(reason.isLocked ? 'lostWorkerLocked' : 'lostWorker')}</p>;
    case 'paused':
      if (reason.pauses.length === 0) return <p>{t('paused')}</p>;
      return reason.pauses.map((pause) => (
        <PauseText key={pause.kind + pause.name} pause={pause} />
      ));
    case 'no_process':
      return <p>{t('noProcess')}</p>;
    case 'queue_unserved':
      return (
        <p className="any-break">
          {job.queueName === null
            ? t('queueUnservedUnnamed')
            : t('queueUnserved', { queue: job.queueName })}
        </p>
      );
    case 'concurrency_limit':
      return (
        <>
          <LimitText reason={reason} concurrencyKey={job.concurrencyKey} />
          {dueAt === null && <AheadText ahead={waiting.ahead} />}
        </>
      );
    case 'not_due':
      return <p>{t.rich('notDue', { at: () => <RelativeTime iso={dueAt ?? ''} /> })}</p>;
    case 'in_line':
      return <AheadText ahead={waiting.ahead} />;
  }
}

function PauseText({ pause: { kind, name, by } }: { pause: JobPause }) {
  const t = useTranslations('waiting');
  if (!by) return <p className="any-break">{t(`pausedOutside.${kind}`, { name })}</p>;
  return (
    <p className="any-break">
      {t.rich(`pausedBy.${kind}`, {
        name,
        viewer: by.viewer,
        at: () => <RelativeTime iso={by.at} />,
      })}
      {by.reason && <span className="block text-soft">{t('reason', { reason: by.reason })}</span>}
    </p>
  );
}

function LimitText({
  reason: { isThrottle, running },
  concurrencyKey,
}: {
  reason: Extract<Waiting['reason'], { kind: 'concurrency_limit' }>;
  concurrencyKey: string | null;
}) {
  const t = useTranslations('waiting');
  const countText = useCountText();
  const limit = isThrottle ? 'throttle' : 'concurrency';
  return (
    <p className="any-break">
      {concurrencyKey === null
        ? t(`limitWithoutKey.${limit}`)
        : t(`limit.${limit}`, { key: concurrencyKey })}{' '}
      {running && running.kind !== 'unknown' && (
        <span className="whitespace-nowrap">
          {t('running', { count: running.count, number: countText(running).text })}
        </span>
      )}
    </p>
  );
}

function AheadText({ ahead }: { ahead: Waiting['ahead'] }) {
  const t = useTranslations('waiting');
  const countText = useCountText();
  const text = () => {
    if (!ahead || ahead.kind === 'unknown') return t('aheadUnknown');
    return ahead.count === 0
      ? t('next')
      : t('ahead', { count: ahead.count, number: countText(ahead).text });
  };
  return (
    <p>
      {text()} <span className="text-xs text-soft">{t('orderHint')}</span>
    </p>
  );
}

function Acts({
  waiting: { reason },
  job,
  onAct,
}: {
  waiting: Waiting;
  job: WaitingJob;
  onAct: (act: WaitingAct) => void;
}) {
  const t = useTranslations('waiting');
  const acts = (): ReactNode => {
    switch (reason.kind) {
      case 'lost_worker':
        return (
          reason.isLocked && (
            <ActLink
              href={`/attention/repair?${new URLSearchParams({
                repair: 'release_jobs',
                id: job.id,
                back: 'job',
              })}`}
              permission="job.release"
              isPrimary
              onPress={() => onAct({ kind: 'release' })}
            >
              {t('release')}
            </ActLink>
          )
        );
      case 'paused':
        return <PauseActs pauses={reason.pauses} onAct={onAct} />;
      case 'no_process':
      case 'queue_unserved':
        return <PageLink href="/processes">{t('processes')}</PageLink>;
      case 'concurrency_limit':
        return (
          job.concurrencyKey !== null && (
            <PageLink href={keyHref(job.concurrencyKey)}>{t('sameKey')}</PageLink>
          )
        );
      case 'not_due':
        return (
          <ActLink
            href={`/jobs/${job.id}/reschedule`}
            permission="job.reschedule"
            isPrimary
            onPress={() => onAct({ kind: 'run_now' })}
          >
            {t('runNow')}
          </ActLink>
        );
      case 'in_line': {
        const params = { state: 'queued', ...nameParams({ queue: job.queueName }) };
        return <PageLink href={`/jobs?${new URLSearchParams(params)}`}>{t('sameQueue')}</PageLink>;
      }
    }
  };
  return <div className="mt-2 flex flex-wrap gap-2 empty:hidden">{acts()}</div>;
}

function PauseActs({ pauses, onAct }: { pauses: JobPause[]; onAct: (act: WaitingAct) => void }) {
  const t = useTranslations('waiting');
  const listed = pauses.filter(({ isHidden }) => !isHidden);
  if (listed.length < pauses.length || pauses.length === 0)
    return <PageLink href="/pauses">{t('pauses')}</PageLink>;
  return listed.map((pause) => (
    <ActLink
      key={pause.kind + pause.name}
      href={`/pauses/unpause?${new URLSearchParams({ type: pause.kind, value: pause.name })}`}
      permission="pause.unpause"
      label={t('resumeOf', { name: pause.name })}
      onPress={() => onAct({ kind: 'resume', pause })}
    >
      {listed.length > 1 ? t('resumeOf', { name: pause.name }) : t('resume')}
    </ActLink>
  ));
}

function PageLink({ href, children }: { href: string; children: ReactNode }) {
  return (
    <Link href={href} prefetch={false} className={buttonClass()}>
      {children}
    </Link>
  );
}

/** A link to the confirmation page, which opens a dialog instead when JavaScript runs. */
function ActLink({
  href: path,
  permission,
  label,
  isPrimary = false,
  onPress,
  children,
}: {
  href: string;
  permission: Permission;
  label?: string;
  isPrimary?: boolean;
  onPress: () => void;
  children: ReactNode;
}) {
  const href = useHref();
  const denial = useDenials()[permission];
  const className = `${buttonClass(isPrimary ? 'primary' : 'plain')} max-w-full`;
  const text = <span className="truncate">{children}</span>;
  if (denial)
    return (
      <DeniedButton denial={denial} className={className}>
        {text}
      </DeniedButton>
    );
  return (
    <a
      href={href(path)}
      aria-label={label}
      className={className}
      onClick={(event) => {
        event.preventDefault();
        onPress();
      }}
    >
      {text}
    </a>
  );
}
