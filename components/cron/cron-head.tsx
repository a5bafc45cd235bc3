'use client';

import { useTranslations } from 'next-intl';
import { useEffect, useRef } from 'react';
import type { CronAction } from '@/lib/cron/mutations';
import type { CronDetail, CronRow } from '@/lib/cron/types';
import { useHref } from '../application';
import { Dismissible, useLastOutcome } from '../dismissible';
import { OutcomeLine } from '../jobs/outcome-text';
import { StateBadge } from '../jobs/state-badge';
import { Link } from '../navigation';
import { Breadcrumb, PageHeader } from '../page-header';
import { useDenials } from '../permissions';
import { usePolling } from '../polling/polling-provider';
import { RefreshNote } from '../polling/polling-status';
import { usePollingQuery, useOnScreen } from '../polling/use-polling-query';
import { fetchJson } from '../requests';
import { AbsoluteTime, RelativeTime } from '../time';
import { Banner } from '../ui/banner';
import { buttonClass } from '../ui/button';
import {
  type CronActionResult,
  cronActions,
  cronDisabledReason,
  useCronAction,
} from './cron-actions';
import { CronNotes, CronStateBadge, RunStrip, ScheduleText } from './cron-facts';
import { cronOutcomeCode, useCronOutcomeText } from './cron-outcome';

/** The header of a cron entry's page: description, schedule, runs and actions. */
export function CronHeader({ initial }: { initial: CronDetail }) {
  const t = useTranslations();
  const href = useHref();
  const { refresh } = usePolling();
  const head = useRef<HTMLDivElement>(null);
  const onScreen = useOnScreen(head);
  const path = `/cron_entries/${encodeURIComponent(initial.row.key)}`;
  const {
    data = initial,
    error,
    dataUpdatedAt,
  } = usePollingQuery({
    key: [`/api${path}`],
    fetch: (signal) => fetchJson<CronDetail>(href(`/api${path}`), signal),
    initial,
    enabled: onScreen,
  });
  const { row, nextRuns, cronProcesses, hasCronFile } = data;
  const cronText = useCronOutcomeText();
  const { outcome: lastAction, show, drop } = useLastOutcome<CronActionResult>();
  const outcome = useRef<HTMLDivElement>(null);
  // The action may remove its own button, so focus moves to the outcome.
  useEffect(() => outcome.current?.focus(), [lastAction]);
  const { openDialog, dialog } = useCronAction(row, (result) => {
    show(result);
    refresh();
  });
  return (
    <div ref={head}>
      <Breadcrumb items={[{ href: '/cron_entries', text: t('cron.title') }]} current={row.key} />
      <PageHeader
        title={<span className="font-mono">{row.key}</span>}
        count={<CronStateBadge row={row} hasCronFile={hasCronFile} />}
      >
        <CronActionLinks row={row} path={path} onAction={openDialog} />
      </PageHeader>
      {row.description && <p className="max-w-prose any-break">{row.description}</p>}
      <CronNotes row={row} hasCronFile={hasCronFile} />
      {row.cannotEnqueue && (
        <p className="text-sm text-soft">{t(`cron.refused.${row.cannotEnqueue}`)}</p>
      )}
      {cronProcesses === 0 && (
        <div className="mt-2">
          <Banner tone="warning">{t('cron.noProcess')}</Banner>
        </div>
      )}
      {lastAction && (
        <div ref={outcome} tabIndex={-1} className="mt-2">
          <Dismissible onDismiss={drop}>
            <OutcomeLine
              done={cronOutcomeCode(lastAction.result) === 'done'}
              text={cronText(lastAction.action, cronOutcomeCode(lastAction.result)) ?? ''}
            />
          </Dismissible>
        </div>
      )}
      <CronFacts row={row} nextRuns={nextRuns} />
      {error && <RefreshNote at={dataUpdatedAt} error={error} />}
      {dialog}
    </div>
  );
}

/** Links to the confirmation pages, which open a dialog if JavaScript runs. */
function CronActionLinks({
  row,
  path,
  onAction,
}: {
  row: CronRow;
  path: string;
  onAction: (action: CronAction) => void;
}) {
  const t = useTranslations();
  const href = useHref();
  const denials = useDenials();
  return (
    <ul id="actions" className="flex flex-wrap gap-2">
      {cronActions(row).map((action) => {
        const reason = cronDisabledReason(action, row, denials);
        return (
          <li key={action}>
            <a
              href={href(`${path}/${action}`)}
              aria-disabled={reason ? true : undefined}
              title={reason ? t(reason) : undefined}
              className={buttonClass()}
              onClick={(event) => {
                event.preventDefault();
                if (!reason) onAction(action);
              }}
            >
              {t(`cron.${action}.menu`)}
            </a>
          </li>
        );
      })}
    </ul>
  );
}

function CronFacts({ row, nextRuns }: { row: CronRow; nextRuns: string[] }) {
  const t = useTranslations();
  const [lastRun] = row.runs;
  return (
    <dl
      className={
        'card mt-3 grid gap-x-6 gap-y-2 px-4 py-3 ' + 'sm:grid-cols-[max-content_minmax(0,1fr)]'
      }
    >
      <dt className="text-soft">{t('cron.class')}</dt>
      <dd className="min-w-0 font-mono text-sm any-break">{row.jobClass ?? t('jobs.noClass')}</dd>
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
        <NextRuns nextRuns={nextRuns} isEnabled={row.enabled} />
      </dd>
      <dt className="text-soft">{t('cron.last')}</dt>
      <dd className="flex flex-wrap items-center gap-2">
        {lastRun ? (
          <>
            <StateBadge state={lastRun.state} />
            <Link href={`/jobs/${lastRun.id}`} prefetch={false} className="text-accent">
              <RelativeTime iso={lastRun.at} />
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
  );
}

function NextRuns({ nextRuns, isEnabled }: { nextRuns: string[]; isEnabled: boolean }) {
  const t = useTranslations('cron');
  if (nextRuns.length === 0) return <span className="text-soft">{t('noNextRuns')}</span>;
  return (
    <>
      {!isEnabled && <p className="text-sm text-warn">{t('ifEnabled')}</p>}
      <ol aria-label={t('nextRuns')} className="flex flex-wrap gap-x-5">
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
  );
}
