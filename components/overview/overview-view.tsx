'use client';

import { useFormatter, useTranslations } from 'next-intl';
import { type ReactNode, useState } from 'react';
import type { Severity } from '@/lib/attention/types';
import {
  type Health,
  type Overview,
  type Range,
  rangeQuery,
  type Section,
} from '@/lib/overview/types';
import { useHref } from '../application';
import { Link } from '../navigation';
import { SectionError } from '../page-errors';
import { RefreshNote } from '../polling/polling-status';
import { usePollingQuery } from '../polling/use-polling-query';
import { useCountText } from '../quantities';
import { fetchJson } from '../requests';
import { AbsoluteTime } from '../time';
import { Icon, type IconName } from '../ui/icon';
import { ActivityChart } from './activity-chart';
import { Figures } from './figures';
import { HeatStrip } from './heat-strip';
import { BatchProgressList, CauseList, CronList, LatestActs, RunningList } from './lists';

/** The overview of a range, polled. All charts share the bar under the pointer. */
export function OverviewView({ initial, range }: { initial: Overview; range: Range }) {
  const t = useTranslations('overview');
  const href = useHref();
  const [hover, setHover] = useState<number | null>(null);
  const endpoint = `/api/overview${rangeQuery(range)}`;
  const {
    data = initial,
    error,
    dataUpdatedAt,
  } = usePollingQuery({
    key: [endpoint],
    fetch: (signal) => fetchJson<Overview>(href(endpoint), signal),
    initial,
  });
  const crosshair = { hover, onHover: setHover };
  return (
    <div className="flex flex-col gap-3">
      <SectionOf section={data.health}>{(health) => <HealthStrip health={health} />}</SectionOf>
      {error && <RefreshNote at={dataUpdatedAt} error={error} />}
      <Figures activity={data.activity} current={data.current} hover={hover} />
      <div className="grid gap-3 lg:grid-cols-6 xl:grid-cols-12">
        <Card className="lg:col-span-6 xl:col-span-8" name="activity">
          <SectionOf section={data.activity}>
            {(activity) => (
              <ActivityChart
                activity={activity}
                marks={'value' in data.marks ? data.marks.value : null}
                range={range}
                {...crosshair}
              />
            )}
          </SectionOf>
        </Card>
        <Card className="lg:col-span-3 xl:col-span-4" name="causes">
          <CardHead title={t('causes.title')} note={t('causes.range')} href="/cleaner" />
          <SectionOf section={data.causes}>{(causes) => <CauseList causes={causes} />}</SectionOf>
        </Card>
        <Card className="lg:col-span-3 xl:col-span-4" name="heat">
          <SectionOf section={data.activity}>
            {(activity) => <HeatStrip activity={activity} range={range} {...crosshair} />}
          </SectionOf>
        </Card>
        <Card className="lg:col-span-3 xl:col-span-4" name="batches">
          <CardHead title={t('batches.title')} href="/batches?state=running" />
          <SectionOf section={data.batches}>
            {(batches) => <BatchProgressList batches={batches} />}
          </SectionOf>
        </Card>
        <Card className="lg:col-span-3 xl:col-span-4" name="acts">
          <CardHead title={t('acts.title')} href="/audit" />
          <SectionOf section={data.acts}>{(acts) => <LatestActs acts={acts} />}</SectionOf>
        </Card>
        <Card className="lg:col-span-3 xl:col-span-6" name="running">
          <CardHead title={t('running.title')} href="/jobs?state=running&sort=performed" />
          <SectionOf section={data.running}>{(jobs) => <RunningList jobs={jobs} />}</SectionOf>
        </Card>
        <Card className="lg:col-span-3 xl:col-span-6" name="cron">
          <CardHead title={t('cron.title')} href="/cron_entries" />
          <SectionOf section={data.cron}>{(cron) => <CronList cron={cron} />}</SectionOf>
        </Card>
      </div>
      <p className="text-xs text-faint" data-measured-at={data.measuredAt}>
        {t.rich('measuredAt', { time: () => <AbsoluteTime iso={data.measuredAt} /> })}
      </p>
    </div>
  );
}

/** A section, or why it could not be read. */
function SectionOf<T>({
  section,
  children,
}: {
  section: Section<T>;
  children: (value: T) => ReactNode;
}) {
  return 'value' in section ? children(section.value) : <SectionError code={section.error} />;
}

function Card({
  name,
  className,
  children,
}: {
  name: string;
  className: string;
  children: ReactNode;
}) {
  return (
    <section data-section={name} className={`card flex min-w-0 flex-col px-4 py-3 ${className}`}>
      {children}
    </section>
  );
}

/** The title of a card, which leads to the page with all of it. */
function CardHead({ title, note, href }: { title: string; note?: string; href: string }) {
  const t = useTranslations('overview');
  return (
    <div className="mb-2 flex flex-wrap items-baseline gap-x-2">
      <h2 className="card-title">{title}</h2>
      {note && <span className="text-xs text-faint">{note}</span>}
      <Link
        href={href}
        prefetch={false}
        className="ml-auto inline-flex min-h-6 items-center text-xs text-soft hover:text-ink"
      >
        {t('all')}
        <span className="sr-only">: {title}</span>
      </Link>
    </div>
  );
}

const PILLS: Record<Severity, { icon: IconName; className: string }> = {
  critical: { icon: 'warning', className: 'bg-danger-wash text-danger' },
  warning: { icon: 'warning', className: 'bg-warn-wash text-warn' },
  notice: { icon: 'info', className: 'bg-queued-wash text-queued' },
};

/** One sentence about the findings of /attention, and a pill for each. */
function HealthStrip({ health }: { health: Health }) {
  const t = useTranslations('overview.health');
  const kinds = useTranslations('attention.kinds');
  const countText = useCountText();
  const format = useFormatter();
  const { findings, clear, unknown, checkedAt } = health;
  return (
    <section aria-label={t('label')} data-section="health" className="flex flex-col gap-2">
      <p className="text-base font-medium" data-severity={findings[0]?.severity ?? 'none'}>
        <Sentence health={health} />
      </p>
      <div className="flex flex-wrap items-center gap-x-2 gap-y-1.5">
        {findings.map(({ kind, severity, count }) => (
          <Link
            key={kind}
            href={`/attention#finding-${kind}`}
            prefetch={false}
            data-finding={kind}
            className={`pill min-h-6 no-underline hover:underline ${PILLS[severity].className}`}
          >
            <Icon name={PILLS[severity].icon} className="size-3.5" />
            {kinds(kind)}
            <span className="font-semibold">{countText(count).text}</span>
          </Link>
        ))}
        <span className="text-xs text-faint">
          {clear > 0 && findings.length > 0 && <>{t('rest', { count: clear })} · </>}
          {unknown > 0 && findings.length > 0 && <>{t('unknown', { count: unknown })} · </>}
          {t('checkedAt', {
            time: format.dateTime(new Date(checkedAt), {
              hour: '2-digit',
              minute: '2-digit',
              hourCycle: 'h23',
            }),
          })}
        </span>
      </div>
    </section>
  );
}

function Sentence({ health: { findings, unknown } }: { health: Health }) {
  const t = useTranslations('overview.health');
  const countOf = (severity: Severity) =>
    findings.filter((finding) => finding.severity === severity).length;
  const critical = countOf('critical');
  if (critical > 0) return t('critical', { critical, others: findings.length - critical });
  if (countOf('warning') > 0) return t('warning', { count: findings.length });
  if (findings.length > 0) return t('notice', { count: findings.length });
  return unknown > 0 ? t('clearButUnknown', { count: unknown }) : t('clear');
}
