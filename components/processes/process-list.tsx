'use client';

import { useTranslations } from 'next-intl';
import { useRef, useState } from 'react';
import type { ProcessState } from '@/lib/good-job/processes';
import type { ProcessesPage } from '@/lib/processes/queries';
import { useHref } from '../application';
import { Link } from '../navigation';
import { Tabs } from '../page-header';
import { Pager } from '../pager';
import { RefreshNote } from '../polling/polling-status';
import { usePollingQuery, useOnScreen } from '../polling/use-polling-query';
import { useCountText } from '../quantities';
import { fetchJson } from '../requests';
import { Button } from '../ui/button';
import { ProcessCard } from './process-card';

interface Props {
  endpoint: string;
  initial: ProcessesPage;
  params: Record<string, string>;
  state: ProcessState | null;
  queueName: string | null;
  /** The raw state of the process in `?raw=`. */
  raw: { id: string; json: string } | null;
}

const STATES = ['live', 'stale', 'dead', 'unknown'] as const;

/** A process state is unknown only on a standby. */
const isStandby = ({ unknown }: ProcessesPage['counts']) =>
  unknown.kind !== 'exact' || unknown.count > 0;

function tabHref(tab: ProcessState | null, queueName: string | null): string {
  const query = String(
    new URLSearchParams({
      ...(tab ? { state: tab } : {}),
      ...(queueName ? { queue_name: queueName } : {}),
    }),
  );
  return query ? `/processes?${query}` : '/processes';
}

/** The processes with their reported state and their jobs, polled. */
export function ProcessList({ endpoint, initial, params, state, queueName, raw }: Props) {
  const t = useTranslations('processes');
  const href = useHref();
  const countText = useCountText();
  const list = useRef<HTMLDivElement>(null);
  const onScreen = useOnScreen(list);
  const [isAllRawOpen, setAllRawOpen] = useState(false);
  const {
    data = initial,
    error,
    dataUpdatedAt,
  } = usePollingQuery({
    key: [endpoint],
    fetch: (signal) => fetchJson<ProcessesPage>(href(endpoint), signal),
    initial,
    enabled: onScreen,
  });
  const tabs = [
    { href: tabHref(null, queueName), text: t('all'), current: state === null },
    ...STATES.filter((tab) => tab !== 'unknown' || isStandby(data.counts)).map((tab) => ({
      href: tabHref(tab, queueName),
      text: `${t(`states.${tab}`)} ${countText(data.counts[tab]).text}`,
      current: state === tab,
    })),
  ];
  return (
    <div ref={list}>
      <Tabs label={t('tabs')} tabs={tabs} />
      {queueName && (
        <p className="mb-3 flex flex-wrap items-baseline gap-x-3 any-break">
          {t('serving', { queue: queueName })}
          <Link
            href={state ? `/processes?state=${state}` : '/processes'}
            prefetch={false}
            className="text-accent underline"
          >
            {t('showAll')}
          </Link>
        </p>
      )}
      {data.rows.length === 0 ? (
        <div className="rounded-md border border-dashed border-line-strong px-4 py-6 text-center text-soft">
          {t(state || queueName ? 'emptyFilter' : 'empty')}
        </div>
      ) : (
        <ul aria-label={t('title')} className="flex flex-col gap-3">
          {data.rows.map((process) => (
            <ProcessCard
              key={process.id}
              process={process}
              raw={raw?.id === process.id ? raw.json : null}
              open={isAllRawOpen}
            />
          ))}
        </ul>
      )}
      <div className="mt-2 flex flex-wrap items-center justify-between gap-2">
        <Pager path="/processes" params={params} previous={data.previous} next={data.next} />
        {data.rows.length > 1 && (
          <Button
            className="js-only"
            aria-expanded={isAllRawOpen}
            onClick={() => setAllRawOpen(!isAllRawOpen)}
          >
            {t(isAllRawOpen ? 'rawHideAll' : 'rawShowAll')}
          </Button>
        )}
        {error && <RefreshNote at={dataUpdatedAt} error={error} />}
      </div>
    </div>
  );
}
