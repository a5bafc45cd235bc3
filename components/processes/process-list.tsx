'use client';

import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { useRef, useState } from 'react';
import type { ProcessState } from '@/lib/good-job/processes';
import type { ProcessesPage } from '@/lib/processes/queries';
import { fetchJson } from '../fetch-json';
import { useLive } from '../live';
import { Pager } from '../pager';
import { useCountText } from '../quantities';
import { RefreshNote } from '../refresh-note';
import { Tabs } from '../tabs';
import { Button } from '../ui/button';
import { useLiveQuery, useOnScreen } from '../use-live-query';
import { ProcessCard } from './process-card';

interface Props {
  door: string;
  initial: ProcessesPage;
  params: Record<string, string>;
  state: ProcessState | null;
  queueName: string | null;
  /** The raw state that the URL asks for. */
  raw: { id: string; json: string } | null;
}

const STATES = ['live', 'stale', 'dead', 'unknown'] as const;

/** On a primary no state is unknown. */
const isStandby = ({ unknown }: ProcessesPage['counts']) =>
  unknown.kind !== 'exact' || unknown.count > 0;

/** The processes with what they tell of themselves and what they run, kept fresh. */
export function ProcessList({ door, initial, params, state, queueName, raw }: Props) {
  const t = useTranslations('processes');
  const { basePath } = useLive();
  const countText = useCountText();
  const list = useRef<HTMLDivElement>(null);
  const onScreen = useOnScreen(list);
  const [allRaw, setAllRaw] = useState(false);
  const {
    data = initial,
    error,
    dataUpdatedAt,
  } = useLiveQuery({
    key: [door],
    fetch: (signal) => fetchJson<ProcessesPage>(basePath + door, signal),
    initial,
    wanted: onScreen,
  });
  const href = (of: ProcessState | null) => {
    const query = String(
      new URLSearchParams({
        ...(of ? { state: of } : {}),
        ...(queueName ? { queue_name: queueName } : {}),
      }),
    );
    return query ? `/processes?${query}` : '/processes';
  };
  const tabs = [
    { href: href(null), text: t('all'), current: state === null },
    ...STATES.filter((of) => of !== 'unknown' || isStandby(data.counts)).map((of) => ({
      href: href(of),
      text: `${t(`states.${of}`)} ${countText(data.counts[of]).text}`,
      current: state === of,
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
              open={allRaw}
            />
          ))}
        </ul>
      )}
      <div className="mt-2 flex flex-wrap items-center justify-between gap-2">
        <Pager path="/processes" params={params} previous={data.previous} next={data.next} />
        {data.rows.length > 1 && (
          <Button className="js-only" aria-expanded={allRaw} onClick={() => setAllRaw(!allRaw)}>
            {t(allRaw ? 'rawHideAll' : 'rawShowAll')}
          </Button>
        )}
        {error && <RefreshNote at={dataUpdatedAt} error={error} />}
      </div>
    </div>
  );
}
