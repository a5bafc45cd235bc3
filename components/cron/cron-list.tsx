'use client';

import { useTranslations } from 'next-intl';
import { type ReactNode, useCallback, useState } from 'react';
import type { CronPage, CronRow } from '@/lib/cron/types';
import { Dismissible, useAnnounceOutcome } from '../dismissible';
import { OutcomeLine } from '../jobs/outcome-text';
import { StateBadge } from '../jobs/state-badge';
import { Link } from '../navigation';
import { usePolling } from '../polling/polling-provider';
import { RefreshNote } from '../polling/polling-status';
import { usePolledList } from '../polling/use-polling-query';
import { useCount } from '../quantities';
import { RelativeTime } from '../time';
import { Banner } from '../ui/banner';
import { buttonClass } from '../ui/button';
import { RubyClassName } from '../ui/code';
import { type CronActionResult, CronMenu } from './cron-actions';
import { CronNotes, CronStateBadge, RunStrip, ScheduleText } from './cron-facts';
import { cronOutcomeCode, useCronOutcomeText } from './cron-outcome';

const GRID =
  'xl:grid ' +
  'xl:grid-cols-[minmax(0,1.25fr)_minmax(0,1.2fr)_minmax(0,1fr)_6.25rem_6.5rem_13.25rem_6.25rem_2.5rem] ' +
  'xl:items-start xl:gap-x-3';

/** The cron entries, each with its schedule and last runs, polled. */
export function CronList({ endpoint, initial }: { endpoint: string; initial: CronPage }) {
  const t = useTranslations('cron');
  const paging = useTranslations('paging');
  const count = useCount();
  const { refresh } = usePolling();
  const [results, setResults] = useState<Record<string, CronActionResult>>({});
  const announce = useAnnounceOutcome(useCallback(() => setResults({}), []));
  const { listRef, data, error, dataUpdatedAt } = usePolledList(endpoint, initial);
  return (
    <div ref={listRef}>
      {data.isCronFileStale && (
        <div className="mb-3">
          <Banner tone="warning">{t('fileStale')}</Banner>
        </div>
      )}
      {data.rows.length > 0 && data.cronProcesses === 0 && (
        <div className="mb-3">
          <Banner tone="warning">{t('noProcess')}</Banner>
        </div>
      )}
      {data.rows.length === 0 ? (
        <div className="rounded-md border border-dashed border-line-strong px-4 py-6 text-center text-soft">
          {data.previous === null
            ? t(data.hasCronFile ? 'empty' : 'emptyWithoutFile')
            : paging('empty')}
        </div>
      ) : (
        <>
          <p className="mb-2 text-sm text-soft">
            {t('totals', { enabled: count(data.enabled), disabled: count(data.disabled) })}{' '}
            {data.notInFile > 0 && t('totalNotInFile', { count: count(data.notInFile) })}{' '}
            {data.more && t('more')}
          </p>
          <div className="card overflow-clip">
            <ColumnHeads />
            <ul aria-label={t('title')} className="divide-y divide-line">
              {data.rows.map((row) => (
                <Entry
                  key={row.key}
                  row={row}
                  hasCronFile={data.hasCronFile}
                  result={results[row.key]}
                  onDone={(result) => {
                    announce();
                    setResults((previous) => ({ ...previous, [row.key]: result }));
                    refresh();
                  }}
                  onDismiss={() => setResults(({ [row.key]: _dismissed, ...others }) => others)}
                />
              ))}
            </ul>
          </div>
        </>
      )}
      <div className="mt-2 flex flex-wrap items-center gap-2">
        <PageLinks page={data} />
        {error && <RefreshNote at={dataUpdatedAt} error={error} />}
      </div>
    </div>
  );
}

function ColumnHeads() {
  const t = useTranslations('cron');
  return (
    <div
      aria-hidden="true"
      className={`border-b border-line bg-sunken px-3 py-1.5 text-sm text-soft max-xl:hidden ${GRID}`}
    >
      <div>{t('key')}</div>
      <div>{t('class')}</div>
      <div>{t('schedule')}</div>
      <div>{t('next')}</div>
      <div>{t('last')}</div>
      <div>{t('runs')}</div>
      <div>{t('status')}</div>
      <div />
    </div>
  );
}

function Entry({
  row,
  hasCronFile,
  result,
  onDone,
  onDismiss,
}: {
  row: CronRow;
  hasCronFile: boolean;
  result?: CronActionResult;
  onDone: (result: CronActionResult) => void;
  onDismiss: () => void;
}) {
  const t = useTranslations();
  const cronText = useCronOutcomeText();
  return (
    <li className="px-3 py-2.5" data-cron-key={row.key}>
      <div className={GRID}>
        <div className="min-w-0">
          <Link
            href={`/cron_entries/${encodeURIComponent(row.key)}`}
            prefetch={false}
            className="font-mono font-semibold any-break text-accent no-underline hover:underline"
          >
            {row.key}
          </Link>
          {row.description && <p className="text-sm any-break text-soft">{row.description}</p>}
          <CronNotes row={row} hasCronFile={hasCronFile} />
        </div>
        <Cell name={t('cron.class')}>
          {row.jobClass ? (
            <span className="font-mono text-sm any-break">
              <RubyClassName name={row.jobClass} />
            </span>
          ) : (
            <span className="text-soft">{t('jobs.noClass')}</span>
          )}
        </Cell>
        <Cell name={t('cron.schedule')}>
          {row.schedule ? (
            <ScheduleText schedule={row.schedule} />
          ) : (
            <span className="text-sm text-soft">{t('cron.noSchedule')}</span>
          )}
        </Cell>
        <RunCells row={row} />
        <Cell name={t('cron.status')}>
          <CronStateBadge row={row} hasCronFile={hasCronFile} />
        </Cell>
        <div className="flex justify-end">
          <CronMenu row={row} onDone={onDone} />
        </div>
      </div>
      {result && (
        <div className="mt-1">
          <Dismissible onDismiss={onDismiss}>
            <OutcomeLine
              done={cronOutcomeCode(result.result) === 'done'}
              text={cronText(result.action, cronOutcomeCode(result.result)) ?? ''}
            />
          </Dismissible>
        </div>
      )}
    </li>
  );
}

/** The cells of the next, the last and the recent runs. */
function RunCells({ row }: { row: CronRow }) {
  const t = useTranslations();
  const count = useCount();
  const [lastRun] = row.runs;
  const failedCount = row.runs.filter(({ state }) => state === 'discarded').length;
  return (
    <>
      <Cell name={t('cron.next')}>
        {row.nextAt ? (
          <RelativeTime iso={row.nextAt} isUpcoming />
        ) : (
          <span className="text-soft">{t('time.never')}</span>
        )}
        {row.nextAt && !row.enabled && <p className="text-sm text-soft">{t('cron.onceEnabled')}</p>}
      </Cell>
      <Cell name={t('cron.last')}>
        {lastRun ? (
          <span className="flex flex-col items-start gap-0.5">
            <StateBadge state={lastRun.state} />
            <Link href={`/jobs/${lastRun.id}`} prefetch={false} className="text-sm text-accent">
              <RelativeTime iso={lastRun.at} />
            </Link>
          </span>
        ) : (
          <span className="text-soft">{t('time.never')}</span>
        )}
      </Cell>
      <Cell name={t('cron.runs')}>
        <RunStrip runs={row.runs} />
        {failedCount > 0 && (
          <p className="mt-1 text-xs text-discarded">
            {t('cron.failed', { failed: count(failedCount), total: count(row.runs.length) })}
          </p>
        )}
      </Cell>
    </>
  );
}

function Cell({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="mt-1 flex min-w-0 gap-2 xl:mt-0 xl:block">
      <span className="w-24 shrink-0 text-sm text-soft xl:sr-only">{name}</span>
      <div className="min-w-0">{children}</div>
    </div>
  );
}

function PageLinks({ page: { previous, next } }: { page: CronPage }) {
  const t = useTranslations('paging');
  if (previous === null && next === null) return null;
  return (
    <nav aria-label={t('label')} className="flex gap-2">
      {previous !== null && (
        <Link
          href={
            previous === ''
              ? '/cron_entries'
              : `/cron_entries?${new URLSearchParams({ after: previous })}`
          }
          prefetch={false}
          rel="prev"
          className={buttonClass()}
        >
          {t('previous')}
        </Link>
      )}
      {next !== null && (
        <Link
          href={`/cron_entries?${new URLSearchParams({ after: next })}`}
          prefetch={false}
          rel="next"
          className={buttonClass()}
        >
          {t('next')}
        </Link>
      )}
    </nav>
  );
}
