'use client';

import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { useEffect, useRef } from 'react';
import type { CronDetail } from '@/lib/cron/types';
import { AbsoluteTime } from '../absolute-time';
import { Breadcrumb } from '../breadcrumb';
import { Dismissible } from '../dismissible';
import { fetchJson } from '../fetch-json';
import { OutcomeLine } from '../jobs/outcome-text';
import { StateBadge } from '../jobs/state-badge';
import { useLive } from '../live';
import { useLastOutcome } from '../outcomes';
import { useDenials } from '../permissions';
import { RefreshNote } from '../refresh-note';
import { RelativeTime } from '../time';
import { Banner } from '../ui/banner';
import { buttonClass } from '../ui/button';
import { useLiveQuery, useOnScreen } from '../use-live-query';
import { CronNotes } from './cron-notes';
import { cronCode, useCronText } from './cron-outcome';
import { CronStateBadge } from './cron-state';
import { RunStrip } from './run-strip';
import { ScheduleText } from './schedule-text';
import { type CronActed, cronActions, useCronAction, whyNotCron } from './use-cron-action';

/** The head of an entry's page: what it is, when it runs, how it went, and its actions. */
export function CronHead({ initial }: { initial: CronDetail }) {
  const t = useTranslations();
  const { basePath, refresh } = useLive();
  const head = useRef<HTMLDivElement>(null);
  const onScreen = useOnScreen(head);
  const path = `/cron_entries/${encodeURIComponent(initial.row.key)}`;
  const {
    data = initial,
    error,
    dataUpdatedAt,
  } = useLiveQuery({
    key: [`/api${path}`],
    fetch: (signal) => fetchJson<CronDetail>(`${basePath}/api${path}`, signal),
    initial,
    wanted: onScreen,
  });
  const { row, nextRuns, cronProcesses, fileGiven } = data;
  const text = useCronText();
  const denials = useDenials();
  const { outcome: acted, show, drop } = useLastOutcome<CronActed>();
  const outcome = useRef<HTMLDivElement>(null);
  // What was pressed may be no more: the focus goes to what it came to.
  useEffect(() => outcome.current?.focus(), [acted]);
  const { ask, dialog } = useCronAction(row, (result) => {
    show(result);
    refresh();
  });
  const [last] = row.runs;
  return (
    <div ref={head}>
      <Breadcrumb items={[{ href: '/cron_entries', text: t('cron.title') }]} current={row.key} />
      <div className="mt-1 flex flex-wrap items-start justify-between gap-3">
        <div className="flex min-w-0 flex-wrap items-center gap-x-3 gap-y-1">
          <h1 className="max-w-full min-w-0 font-mono text-xl font-semibold any-break">
            {row.key}
          </h1>
          <CronStateBadge row={row} fileGiven={fileGiven} />
        </div>
        <ul id="actions" className="flex flex-wrap gap-2">
          {cronActions(row).map((action) => {
            const reason = whyNotCron(action, row, denials);
            return (
              <li key={action}>
                <a
                  href={`${basePath}${path}/${action}`}
                  aria-disabled={reason ? true : undefined}
                  title={reason ? t(reason) : undefined}
                  className={buttonClass()}
                  onClick={(event) => {
                    event.preventDefault();
                    if (!reason) ask(action);
                  }}
                >
                  {t(`cron.${action}.menu`)}
                </a>
              </li>
            );
          })}
        </ul>
      </div>
      {row.description && <p className="mt-1 max-w-prose any-break">{row.description}</p>}
      <CronNotes row={row} fileGiven={fileGiven} />
      {row.cannotEnqueue && (
        <p className="text-[13px] text-soft">{t(`cron.refused.${row.cannotEnqueue}`)}</p>
      )}
      {cronProcesses === 0 && (
        <div className="mt-2">
          <Banner tone="warning">{t('cron.noProcess')}</Banner>
        </div>
      )}
      {acted && (
        <div ref={outcome} tabIndex={-1} className="mt-2">
          <Dismissible onDismiss={drop}>
            <OutcomeLine
              done={cronCode(acted.result) === 'done'}
              text={text(acted.action, cronCode(acted.result)) ?? ''}
            />
          </Dismissible>
        </div>
      )}
      <dl className="mt-3 grid gap-x-6 gap-y-2 rounded-md border border-line px-3 py-2.5 sm:grid-cols-[max-content_minmax(0,1fr)]">
        <dt className="text-soft">{t('cron.class')}</dt>
        <dd className="min-w-0 font-mono text-[13px] any-break">
          {row.jobClass ?? t('jobs.noClass')}
        </dd>
        <dt className="text-soft">{t('cron.schedule')}</dt>
        <dd className="min-w-0">
          {row.schedule ? (
            <ScheduleText schedule={row.schedule} />
          ) : (
            <span className="text-soft">{t('cron.noSchedule')}</span>
          )}
        </dd>
        <dt className="text-soft">{t('cron.nextRuns')}</dt>
        <dd>
          {nextRuns.length === 0 ? (
            <span className="text-soft">{t('cron.noNextRuns')}</span>
          ) : (
            <>
              {!row.enabled && <p className="text-[13px] text-warn">{t('cron.ifEnabled')}</p>}
              <ol aria-label={t('cron.nextRuns')} className="flex flex-wrap gap-x-5">
                {nextRuns.map((at, n) => (
                  <li key={at} className="whitespace-nowrap">
                    <AbsoluteTime iso={at} />
                    {n === 0 && (
                      <span className="text-soft">
                        {' '}
                        <RelativeTime iso={at} />
                      </span>
                    )}
                  </li>
                ))}
              </ol>
            </>
          )}
        </dd>
        <dt className="text-soft">{t('cron.last')}</dt>
        <dd className="flex flex-wrap items-center gap-2">
          {last ? (
            <>
              <StateBadge state={last.state} />
              <Link href={`/jobs/${last.id}`} prefetch={false} className="text-accent">
                <RelativeTime iso={last.at} />
              </Link>
            </>
          ) : (
            <span className="text-soft">{t('time.never')}</span>
          )}
        </dd>
        <dt className="text-soft">{t('cron.runs')}</dt>
        <dd className="min-w-0">
          <RunStrip runs={row.runs} />
        </dd>
      </dl>
      {error && <RefreshNote at={dataUpdatedAt} error={error} />}
      {dialog}
    </div>
  );
}
