import { useTranslations } from 'next-intl';
import {
  type TimelineScale,
  type TimelineStep,
  buildTimeline,
  timelineScale,
} from '@/lib/jobs/timeline';
import type { ExecutionPage, ExecutionRow, JobDetail } from '@/lib/jobs/types';
import { useDuration } from '../quantities';
import { AbsoluteTime } from '../time';
import { Icon, type IconName } from '../ui/icon';
import { executionIcon } from './executions';

const ICONS: Record<TimelineStep['kind'], IconName> = {
  enqueued: 'queued',
  retried_by_hand: 'retried',
  due: 'scheduled',
  earlier_attempts: 'more',
  later_attempts: 'more',
  waited: 'scheduled',
  backoff: 'scheduled',
  attempt: 'running',
  finished: 'succeeded',
};

function stepIcon(step: TimelineStep): IconName {
  if (step.kind === 'attempt') return executionIcon(step.state);
  if (step.kind === 'finished' && step.state === 'discarded') return 'discarded';
  return ICONS[step.kind];
}

/** The history of a job to scale and as a list: enqueue, wait, attempts, back-off, finish. */
export function Timeline({
  job,
  executions,
  nowMs,
}: {
  job: JobDetail;
  executions: ExecutionPage;
  nowMs: number;
}) {
  const steps = buildTimeline(job, executions.rows, {
    hasOlder: executions.older !== null,
    hasNewer: executions.newer !== null,
  });
  const scale = timelineScale(steps, nowMs);
  return (
    <>
      {scale && <Scale scale={scale} />}
      <ol className="flex flex-col gap-2 border-l-2 border-line pl-4">
        {steps.map((step, n) => (
          <Step key={n} step={step} />
        ))}
      </ol>
    </>
  );
}

function Step({ step }: { step: TimelineStep }) {
  const t = useTranslations();
  const duration = useDuration();
  const text = () => {
    switch (step.kind) {
      case 'attempt':
        return t('timeline.attempt', {
          number: step.number ?? '?',
          state: t(`executionStates.${step.state}`),
        });
      case 'finished':
        return t('timeline.finished', { state: t(`states.${step.state}`) });
      default:
        return t(`timeline.${step.kind}`);
    }
  };
  const durationText = 'seconds' in step && step.seconds !== null ? duration(step.seconds) : null;
  const isSpan = step.kind === 'waited' || step.kind === 'backoff';
  const isQuiet = isSpan || !('at' in step);
  return (
    <li className={`flex items-start gap-2 ${isQuiet ? 'text-soft' : ''}`}>
      <Icon name={stepIcon(step)} className="mt-[3px] size-3.5" />
      <div className="min-w-0">
        <p>
          {text()}
          {durationText && <span className="ml-2 whitespace-nowrap text-soft">{durationText}</span>}
        </p>
        {!isSpan && 'at' in step && (
          <p className="text-xs text-soft">
            <AbsoluteTime iso={step.at} />
          </p>
        )}
      </div>
    </li>
  );
}

const STATE_FILLS: Record<ExecutionRow['state'], string> = {
  running: 'fill-running',
  interrupted: 'fill-warn',
  succeeded: 'fill-succeeded',
  retried: 'fill-retried',
  discarded: 'fill-discarded',
};
/** Percent of the width that a short bar still has. */
const MIN_WIDTH = 1;

/** One row an attempt; the list below says the same in words. */
function Scale({ scale: { from, to, rows } }: { scale: TimelineScale }) {
  const t = useTranslations('timeline');
  const duration = useDuration();
  const percent = (ms: number) => (100 * (ms - from)) / (to - from);
  return (
    <figure className="mb-3" data-scale="">
      <div className="grid grid-cols-[auto_minmax(0,1fr)] items-center gap-x-2 gap-y-1">
        {rows.map(({ number, bars }, n) => (
          <div key={n} className="col-span-2 grid grid-cols-subgrid items-center">
            <span className="text-right text-xs text-soft">{number ?? '?'}</span>
            <svg aria-hidden="true" className="h-3 w-full rounded-xs bg-sunken">
              {bars.map((bar) => {
                const width = Math.max(MIN_WIDTH, percent(bar.to) - percent(bar.from));
                return (
                  <rect
                    key={bar.kind}
                    x={`${Math.min(percent(bar.from), 100 - width).toFixed(2)}%`}
                    width={`${width.toFixed(2)}%`}
                    y={bar.kind === 'attempt' ? 0 : 4}
                    height={bar.kind === 'attempt' ? 12 : 4}
                    className={bar.state ? STATE_FILLS[bar.state] : 'fill-line-strong'}
                  >
                    <title>
                      {`${t(bar.kind === 'attempt' ? 'run' : bar.kind)} ` +
                        duration((bar.to - bar.from) / 1000)}
                    </title>
                  </rect>
                );
              })}
            </svg>
          </div>
        ))}
      </div>
      <figcaption className="mt-1 text-right text-xs text-soft">
        {t('total', { duration: duration((to - from) / 1000) })}
      </figcaption>
    </figure>
  );
}
