import { useFormatter, useTranslations } from 'next-intl';
import type { StuckCause } from '@/lib/batches/types';
import type { OpenBatch, OpenBatches } from '@/lib/overview/types';
import { BatchDescription } from '../batches/batch-description';
import { ProgressBar } from '../batches/progress-bar';
import { Link } from '../link';
import { useCount } from '../quantities';
import { RelativeTime } from '../time';

/** The newest open batches: how far each is, and why it does not go on. */
export function BatchProgressList({ batches: { rows } }: { batches: OpenBatches }) {
  const t = useTranslations('overview.batches');
  if (rows.length === 0) return <p className="text-soft">{t('empty')}</p>;
  return (
    <ul className="flex flex-col gap-3">
      {rows.map((batch) => (
        <li key={batch.id} data-batch={batch.id}>
          <div className="flex items-baseline gap-2">
            <Link
              href={`/batches/${batch.id}`}
              prefetch={false}
              className="min-w-0 flex-1 truncate no-underline hover:underline"
            >
              <BatchDescription batch={batch} clamp="" />
            </Link>
            <Progress batch={batch} />
          </div>
          {batch.progress && (
            <div className="mt-1">
              <ProgressBar progress={batch.progress} />
            </div>
          )}
          <p className="mt-1 text-xs text-soft">
            <Reason batch={batch} />
          </p>
        </li>
      ))}
    </ul>
  );
}

function Progress({ batch: { progress } }: { batch: OpenBatch }) {
  const count = useCount();
  if (!progress) return null;
  const { states, total, more } = progress;
  return (
    <span className="text-xs whitespace-nowrap text-soft">
      {states ? `${count(states.succeeded + states.discarded)} / ` : ''}
      {count(total)}
      {more ? '+' : ''}
    </span>
  );
}

/** The first reason why the batch is stuck, else when it is expected to end. */
function Reason({ batch: { stuck, stalled, expectedAt } }: { batch: OpenBatch }) {
  const t = useTranslations('overview.batches');
  const text = useReasonText();
  const [reason] = stuck;
  if (reason)
    return (
      <>
        {stalled && <span className="font-medium text-warn">{t('stalled')} · </span>}
        {text(reason)}
      </>
    );
  if (stalled) return <span className="font-medium text-warn">{t('stalled')}</span>;
  return expectedAt
    ? t.rich('expected', { time: () => <RelativeTime iso={expectedAt} /> })
    : t('inProgress');
}

function useReasonText(): (reason: StuckCause) => string {
  const t = useTranslations('overview.stuck');
  const format = useFormatter();
  const count = useCount();
  return (reason) => {
    switch (reason.kind) {
      case 'not_enqueued':
      case 'never_completes':
        return t(reason.kind);
      case 'waits_until':
        return t('waits_until', {
          time: format.dateTime(new Date(reason.at), {
            month: 'numeric',
            day: 'numeric',
            hour: '2-digit',
            minute: '2-digit',
            hourCycle: 'h23',
          }),
        });
      case 'lost_workers':
        return t('lost_workers', {
          count: reason.count,
          number: `${count(reason.count)}${reason.more ? '+' : ''}`,
        });
      case 'queues_unserved':
        return t('queues_unserved', { queues: format.list(reason.queues) });
      default:
        return t(reason.kind, { count: reason.count, number: count(reason.count) });
    }
  };
}
