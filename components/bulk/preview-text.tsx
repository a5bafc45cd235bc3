import { useTranslations } from 'next-intl';
import {
  AFFECTED_STATES,
  type BulkAction,
  type BulkCount,
  type BulkPreview,
} from '@/lib/bulk/types';
import { JOB_STATES, type JobState } from '@/lib/good-job/types';
import { AbsoluteTime } from '../absolute-time';
import { STATE_CLASSES } from '../jobs/state-badge';
import { useCount } from '../quantities';
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
