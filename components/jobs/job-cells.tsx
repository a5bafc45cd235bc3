import { useTranslations } from 'next-intl';
import { Fragment, type ReactNode } from 'react';
import type { SortColumn } from '@/lib/jobs/filters';
import {
  type Column,
  type ColumnWidths,
  type FixedColumn,
  isArgumentPath,
  type JobRow,
} from '@/lib/jobs/types';
import { Link } from '../navigation';
import { useDuration } from '../quantities';
import { RelativeTime } from '../time';
import { Tooltip } from '../ui/floating';
import type { RowLayout } from './job-row';
import { StateBadge, StateRefinements } from './state-badge';

/** Widths in units of 4 px, as the classes `col-…` of globals.css set them. */
const WIDTHS: Record<FixedColumn, number> = {
  queue: 22,
  priority: 12,
  labels: 20,
  attempts: 14,
  wait: 16,
  runtime: 16,
  created: 18,
  scheduled: 18,
  performed: 18,
  finished: 18,
  error: 56,
  batch: 20,
  cron: 32,
  concurrency: 32,
  time: 18,
  state: 30,
};
const ARGUMENT_WIDTH = 36;

export const columnWidth = (column: Column, widths: ColumnWidths): number =>
  widths[column] ?? (isArgumentPath(column) ? ARGUMENT_WIDTH : WIDTHS[column]);

/** Width and alignment of a column, shared by its header and its cells. */
export function columnClass(column: Column, widths: ColumnWidths): string {
  const className = `col-${isArgumentPath(column) ? 'args' : column}`;
  const width = widths[column];
  return width === undefined ? className : `${className} lg:w-${width}`;
}

/**
 * Returns a function that names a column: a custom one by its path, and the time by the column that
 * the list is sorted by.
 */
export function useColumnName(sortedBy?: SortColumn): (column: Column) => string {
  const t = useTranslations('jobs.columns');
  return (column) => {
    if (isArgumentPath(column)) return column;
    if (column !== 'time' || !sortedBy) return t(column);
    return t(sortedBy === 'priority' ? 'scheduled' : sortedBy);
  };
}

/** Columns whose values explain themselves on a phone. */
const NAMELESS: ReadonlySet<string> = new Set<Column>(['queue', 'labels', 'time', 'state']);

/** Whether a cell of a phone's row would say nothing. */
const isEmptyCell = (column: Column, job: JobRow) =>
  (column === 'labels' && job.labels.length === 0) ||
  (column === 'wait' && job.wait === null) ||
  (column === 'runtime' && job.run === null) ||
  (column === 'queue' && job.queueName === null);

/** The cells of a row. */
export function RowCells({
  job,
  role,
  layout: { columns, widths, semantics, sortedBy, labelHref, hasKeys },
}: {
  job: JobRow;
  role: 'gridcell' | undefined;
  layout: RowLayout;
}) {
  const columnName = useColumnName(sortedBy);
  // A list puts the name and the value of a cell on lines of their own, as GoodJob's pages do.
  const Value = semantics === 'list' ? 'div' : Fragment;
  return (
    <div className="job-cells" role={semantics === 'grid' ? 'presentation' : undefined}>
      {columns.map((column) => (
        <div
          key={column}
          role={role}
          className={
            `cell ${columnClass(column, widths)}` +
            (semantics === 'grid' && isEmptyCell(column, job) ? ' max-lg:hidden' : '')
          }
        >
          {/* A grid has column headers; in a list, screen readers need this label. */}
          {(semantics === 'list' || !NAMELESS.has(column)) && (
            <span className="cell-name">{columnName(column)}</span>
          )}
          <Value>
            <JobCell
              column={column}
              job={job}
              labelHref={labelHref}
              tabIndex={hasKeys ? -1 : undefined}
            />
          </Value>
        </div>
      ))}
    </div>
  );
}

/** From this wait on, its number is in the colour of a warning. */
const LONG_WAIT_SECONDS = 300;

interface CellProps {
  column: Column;
  job: JobRow;
  /** Link of a label; null renders labels without links. */
  labelHref: ((label: string) => string) | null;
  /** -1 where arrow keys move the focus. */
  tabIndex: -1 | undefined;
}

/** The content of a cell. */
function JobCell({ column, job, labelHref, tabIndex }: CellProps): ReactNode {
  switch (column) {
    case 'queue':
      return job.queueName;
    case 'priority':
      return job.priority;
    case 'labels':
      return <Labels labels={job.labels} href={labelHref} tabIndex={tabIndex} />;
    case 'attempts':
      return <Attempts job={job} tabIndex={tabIndex} />;
    case 'wait':
      return <Seconds seconds={job.wait} isLong={(job.wait ?? 0) >= LONG_WAIT_SECONDS} />;
    case 'runtime':
      return <Seconds seconds={job.run} isLong={false} />;
    case 'error':
      return job.error;
    case 'batch':
      return (
        job.batchId && (
          <Link
            href={`/batches/${job.batchId}`}
            prefetch={false}
            tabIndex={tabIndex}
            className="text-ink"
          >
            {job.batchId.slice(0, 8)}
          </Link>
        )
      );
    case 'time':
      return <Time at={sortedTime(job.sortAt)} />;
    case 'state':
      return job.paused || job.lostWorker ? (
        <StateRefinements paused={job.paused} lostWorker={job.lostWorker} />
      ) : (
        <StateBadge state={job.state} />
      );
    case 'created':
    case 'scheduled':
    case 'performed':
    case 'finished':
      return <Time at={job.extra?.[column] ?? null} />;
    default:
      return job.extra?.[column];
  }
}

/** The time of a sort key; null for an unfinished job in a list by its end. */
function sortedTime(sortAt: string): string | null {
  const at = sortAt.slice(sortAt.indexOf('/') + 1);
  return at === 'infinity' ? null : at;
}

const NONE = <span className="text-faint">–</span>;

const Time = ({ at }: { at: string | null }) => (at ? <RelativeTime iso={at} isShort /> : NONE);

function Seconds({ seconds, isLong }: { seconds: number | null; isLong: boolean }) {
  const duration = useDuration();
  if (seconds === null) return NONE;
  return isLong ? <span className="text-warn">{duration(seconds)}</span> : duration(seconds);
}

/** The number of attempts, with the last error as a tooltip. */
function Attempts({ job, tabIndex }: Pick<CellProps, 'job' | 'tabIndex'>) {
  const t = useTranslations('jobs');
  if (!job.error?.trim()) return job.attempts;
  return (
    <Tooltip content={<span className="font-mono text-sm">{job.error}</span>}>
      <button
        type="button"
        tabIndex={tabIndex}
        aria-label={t('errorOf', { attempts: job.attempts, error: job.error })}
        className="job-attempts"
      >
        {job.attempts}
      </button>
    </Tooltip>
  );
}

function Labels({
  labels,
  href,
  tabIndex,
}: { labels: string[] } & Pick<CellProps, 'tabIndex'> & { href: CellProps['labelHref'] }) {
  if (labels.length === 0) return null;
  return (
    <ul className="job-labels">
      {labels.map((label, n) => (
        <li key={n} className="chip">
          {href ? (
            <Link href={href(label)} prefetch={false} tabIndex={tabIndex}>
              {label}
            </Link>
          ) : (
            label
          )}
        </li>
      ))}
    </ul>
  );
}

/** A text in which the matches of a search are marked, in any case. */
export function Marked({ text, marks }: { text: string; marks: readonly string[] }): ReactNode {
  if (marks.length === 0) return text;
  const lower = text.toLowerCase();
  // Lower case of some letters is longer, and would shift the matches.
  if (lower.length !== text.length) return text;
  const parts: ReactNode[] = [];
  for (let at = 0; at < text.length;) {
    const match = nextMatch(lower, marks, at);
    if (!match) return [...parts, text.slice(at)];
    parts.push(
      text.slice(at, match.at),
      <mark key={match.at}>{text.slice(match.at, match.end)}</mark>,
    );
    at = match.end;
  }
  return parts;
}

function nextMatch(lower: string, marks: readonly string[], from: number) {
  let first: { at: number; end: number } | null = null;
  for (const mark of marks) {
    const at = lower.indexOf(mark.toLowerCase(), from);
    if (at >= 0 && (!first || at < first.at)) first = { at, end: at + mark.length };
  }
  return first;
}
