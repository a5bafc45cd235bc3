import { useFormatter, useTranslations } from 'next-intl';
import {
  AFFECTED_STATES,
  type BulkAction,
  type BulkCount,
  type BulkPreview,
  type BulkTarget,
} from '@/lib/bulk/types';
import { JOB_STATES, type JobState } from '@/lib/good-job/types';
import { filterParts } from '@/lib/jobs/links';
import { FilterParts } from '../jobs/filter-parts';
import { STATE_CLASSES } from '../jobs/state-badge';
import { Link } from '../navigation';
import { useCount } from '../quantities';
import { AbsoluteTime } from '../time';
import { Icon } from '../ui/icon';

/** Returns a formatter that marks minimums and estimates: `1,234`, `200,000+`, `~2,900,000`. */
export function useBulkCount(): (count: BulkCount) => string {
  const t = useTranslations('bulk');
  const format = useCount();
  return ({ kind, count }) =>
    t(({ exact: 'exact', at_least: 'atLeast', estimate: 'about' } as const)[kind], {
      number: format(count),
    });
}

/** The jobs that the action affects by state, the ones it skips, and the snapshot time. */
export function PreviewText({ action, preview }: { action: BulkAction; preview: BulkPreview }) {
  const t = useTranslations();
  const count = useCount();
  const bulkCount = useBulkCount();
  const { total, states, more, skipped } = preview;
  const affected = AFFECTED_STATES[action];
  const others = JOB_STATES.filter((state) => states?.[state] && !affected.includes(state));
  const lines = [
    skipped &&
      skipped.running > 0 &&
      t('bulk.skips.running', { count: skipped.running, number: count(skipped.running) }),
    skipped &&
      skipped.blankError > 0 &&
      t('bulk.skips.blankError', { count: skipped.blankError, number: count(skipped.blankError) }),
    skipped &&
      skipped.unreadable > 0 &&
      t('bulk.skips.unreadable', { count: skipped.unreadable, number: count(skipped.unreadable) }),
    preview.unsearched > 0 &&
      t('bulk.skips.unsearched', {
        count: preview.unsearched,
        number: count(preview.unsearched),
      }),
    !skipped && total.count > 0 && t('bulk.skips.unknown'),
  ].filter((line) => line !== false && line !== null);
  return (
    <div className="rounded-md border border-line px-3 py-2">
      <p className="font-semibold">
        {total.count === 0 && total.kind === 'exact'
          ? t(`bulk.nothing.${action}`)
          : t('bulk.affectedJobs', { count: total.count, number: bulkCount(total) })}
      </p>
      {states && (
        <StateCounts
          label={t('bulk.affected')}
          states={affected.filter((state) => states[state])}
          counts={states}
          more={more}
        />
      )}
      {lines.length > 0 && (
        <ul className="mt-1.5 list-disc pl-5 text-sm">
          {lines.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      )}
      {others.length > 0 && states && (
        <>
          <p className="mt-2 text-sm">{t('bulk.otherStates')}</p>
          <StateCounts label={t('bulk.otherStates')} states={others} counts={states} more={more} />
        </>
      )}
      <p className="mt-1.5 text-sm text-soft">
        {t.rich('bulk.cutOff', { at: () => <AbsoluteTime iso={preview.cutOff.at} /> })}
      </p>
    </div>
  );
}

/** Job counts by state; renders nothing for an empty list. */
function StateCounts({
  label,
  states,
  counts,
  more,
}: {
  label: string;
  states: readonly JobState[];
  counts: Partial<Record<JobState, number>>;
  more: boolean;
}) {
  const t = useTranslations();
  const count = useCount();
  if (states.length === 0) return null;
  return (
    <ul aria-label={label} className="mt-1 flex flex-wrap gap-1.5">
      {states.map((state) => {
        const number = count(counts[state] ?? 0);
        return (
          <li key={state} className={`badge ${STATE_CLASSES[state].badge}`}>
            <Icon name={state} className="size-3" />
            {t(`states.${state}`)} {more ? t('bulk.atLeast', { number }) : number}
          </li>
        );
      })}
    </ul>
  );
}

/** The target of a bulk action: the selected rows, a filter or a batch. */
export function TargetText({
  target,
  filter,
  batchId,
  selected,
  links = false,
}: {
  target: BulkTarget['kind'];
  filter: string | null;
  batchId: string | null;
  selected: number;
  links?: boolean;
}) {
  const t = useTranslations('bulk');
  const count = useCount();
  const hasConditions = filterParts(filter ?? '').length > 0;
  const unfiltered = batchId ? 'allOfBatch' : 'allJobs';
  const href = `${batchId ? `/batches/${batchId}` : '/jobs'}${filter ? `?${filter}` : ''}`;
  return (
    <div className="mt-3 rounded-md bg-sunken px-3 py-2">
      <p className="text-sm text-soft">{t('target')}</p>
      {target === 'ids' && <p>{t('selectedJobs', { count: selected, number: count(selected) })}</p>}
      {target === 'batch' && <p>{t('discardedOfBatch')}</p>}
      {target === 'filter' && (
        <>
          <p>{t(hasConditions ? 'allMatching' : unfiltered)}</p>
          <FilterParts query={filter ?? ''} />
        </>
      )}
      {batchId && <p className="font-mono text-xs break-all text-soft">{batchId}</p>}
      {links && target !== 'ids' && (
        <p className="mt-1">
          <Link
            href={target === 'batch' ? `/batches/${batchId}` : href}
            prefetch={false}
            className="text-accent"
          >
            {t('showThem')}
          </Link>
        </p>
      )}
    </div>
  );
}

/** Asks for the number of jobs before a large action; accepts separators and full-width digits. */
export function CountConfirmation({ number }: { number: number }) {
  const t = useTranslations('bulk');
  const format = useFormatter();
  return (
    <label className="mt-3 flex flex-col gap-1">
      <span>{t('typeNumber', { number: format.number(number) })}</span>
      <input
        name="confirmed_count"
        inputMode="numeric"
        autoComplete="off"
        spellCheck={false}
        required
        className="control w-48"
      />
    </label>
  );
}
