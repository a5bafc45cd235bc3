import { useTranslations } from 'next-intl';
import { type TimelineStep, buildTimeline } from '@/lib/jobs/detail';
import type { ExecutionPage, JobDetail } from '@/lib/jobs/types';
import { AbsoluteTime } from '../absolute-time';
import { useDuration } from '../quantities';
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

/** The history of a job: enqueue, wait, attempts, back-off, finish. */
export function Timeline({ job, executions }: { job: JobDetail; executions: ExecutionPage }) {
  const t = useTranslations();
  const duration = useDuration();
  const text = (step: TimelineStep) => {
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
  const steps = buildTimeline(job, executions.rows, {
    hasOlder: executions.older !== null,
    hasNewer: executions.newer !== null,
  });
  return (
    <ol className="flex flex-col gap-2 border-l-2 border-line pl-4">
      {steps.map((step, n) => {
        const durationText =
          'seconds' in step && step.seconds !== null ? duration(step.seconds) : null;
        const isSpan = step.kind === 'waited' || step.kind === 'backoff';
        const isQuiet = isSpan || !('at' in step);
        return (
          <li key={n} className={`flex items-start gap-2 ${isQuiet ? 'text-soft' : ''}`}>
            <Icon name={stepIcon(step)} className="mt-[3px] size-3.5" />
            <div className="min-w-0">
              <p>
                {text(step)}
                {durationText && (
                  <span className="ml-2 whitespace-nowrap text-soft">{durationText}</span>
                )}
              </p>
              {!isSpan && 'at' in step && (
                <p className="text-xs text-soft">
                  <AbsoluteTime iso={step.at} />
                </p>
              )}
            </div>
          </li>
        );
      })}
    </ol>
  );
}
