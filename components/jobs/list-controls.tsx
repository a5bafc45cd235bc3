'use client';

import { useTranslations } from 'next-intl';
import { Suspense, useState } from 'react';
import type { SortChoice } from '@/lib/jobs/order';
import {
  CHART_COOKIE,
  type ChartChoice,
  type Column,
  type Density,
  printChartChoice,
} from '@/lib/jobs/types';
import { useApplication } from '../application';
import type { ChartPanelProps } from '../chart/chart-panel';
import { setPreferenceCookie } from '../display-settings';
import { useNavigate } from '../navigation';
import { usePausePolling } from '../polling/polling-provider';
import { Button, buttonClass } from '../ui/button';
import { Panel } from '../ui/floating';
import { Icon } from '../ui/icon';
import { lazyScript } from '../ui/lazy-script';
import { useColumnName } from './job-cells';
import { useIsBrowser } from './job-table';

// Loaded when the panel first opens.
const ColumnPanel = lazyScript(() => import('./column-panel'));
// Loads the chart and its library when it is first opened.
const ChartPanel = lazyScript(() =>
  import('../chart/chart-panel').then(({ ChartPanel: component }) => ({ default: component })),
);

const WORDS = { desc: 'newest', asc: 'oldest' } as const;
const NUMBERS = { desc: 'lowest', asc: 'highest' } as const;
const DURATIONS = { desc: 'longest', asc: 'shortest' } as const;

function wordOf({ column, direction }: SortChoice) {
  if (column === 'priority') return NUMBERS[direction];
  return (column === 'wait' || column === 'runtime' ? DURATIONS : WORDS)[direction];
}

/** Sorts the list, also by hidden columns and on phones, where there are no column headers. */
export function SortSelect({ choices }: { choices: SortChoice[] }) {
  const t = useTranslations('sort');
  const name = useColumnName();
  const navigate = useNavigate();
  return (
    <select
      aria-label={t('label')}
      value={choices.find(({ isCurrent }) => isCurrent)?.href ?? ''}
      onChange={(event) => navigate(event.target.value)}
      className="js-only control w-44 max-w-full px-1 py-0.5 text-xs text-ellipsis max-sm:w-32"
    >
      {choices.map((choice) => (
        <option key={choice.href} value={choice.href}>
          {t(wordOf(choice), { column: name(choice.column) })}
        </option>
      ))}
    </select>
  );
}

/** Chooses the columns and the row height of the list; the choice is stored in cookies. */
export function ColumnMenu({ columns, density }: { columns: readonly Column[]; density: Density }) {
  const t = useTranslations('columnMenu');
  const [open, setOpen] = useState(false);
  usePausePolling(open);
  return (
    <Panel
      label={t('label')}
      buttonClassName={buttonClass()}
      onOpenChange={setOpen}
      button={
        <>
          <Icon name="columns" />
          <span className="max-sm:sr-only">{t('label')}</span>
        </>
      }
    >
      {() => (
        <Suspense fallback={<div className="h-64 w-64" />}>
          <ColumnPanel columns={columns} density={density} />
        </Suspense>
      )}
    </Panel>
  );
}

/** The chart above the list; its settings, also whether it is hidden, are stored in a cookie. */
export function JobChart({
  choice: initialChoice,
  ...props
}: Omit<ChartPanelProps, 'choice' | 'onChoice' | 'children'> & { choice: ChartChoice }) {
  const t = useTranslations('chart');
  const { basePath } = useApplication();
  const isBrowser = useIsBrowser();
  const [choice, setChoice] = useState(initialChoice);
  function applyChoice(next: ChartChoice) {
    setChoice(next);
    setPreferenceCookie(CHART_COOKIE, printChartChoice(next), basePath);
  }
  const fold = (
    <Button
      kind="quiet"
      aria-expanded={choice.open}
      onClick={() => applyChoice({ ...choice, open: !choice.open })}
      className="!min-h-6 !px-1.5 !py-0 !text-xs"
    >
      <Icon name={choice.open ? 'fold' : 'chart'} className="size-3.5" />
      <span className={choice.open ? 'max-sm:sr-only' : ''}>
        {t(choice.open ? 'hide' : 'show')}
      </span>
    </Button>
  );
  // Reserves the height of the chart, whose script loads after the page.
  const placeholder = <div className="h-22" />;
  return (
    <section aria-label={t('title')} className="js-only mb-2">
      {!choice.open && <div className="flex justify-end">{fold}</div>}
      {choice.open && !isBrowser && placeholder}
      {choice.open && isBrowser && (
        <Suspense fallback={placeholder}>
          <ChartPanel {...props} choice={choice} onChoice={applyChoice}>
            {fold}
          </ChartPanel>
        </Suspense>
      )}
    </section>
  );
}
