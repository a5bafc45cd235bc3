import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import type { HoldingPause, QueueRow } from '@/lib/queues/filters';
import { Link } from '../navigation';
import { PauseRecordText } from '../pauses/pause-outcome';
import { useCount, useCountText } from '../quantities';
import { Icon } from '../ui/icon';

/** Why the ready jobs of a queue do not run, with a link to the cause; nothing if they do. */
export function QueueCause({ queue }: { queue: QueueRow }) {
  const t = useTranslations();
  const count = useCount();
  const { name, pause, holdingPauses, unserved, busyThreads } = queue;
  if (pause)
    return (
      <div className="mt-1 flex flex-wrap items-center gap-x-2 gap-y-0.5 text-sm text-soft">
        <Link
          href="/pauses"
          prefetch={false}
          className="pill min-h-6 bg-paused-wash text-paused no-underline"
        >
          <Icon name="paused" className="size-3" />
          {t('states.paused')}
        </Link>
        <PauseRecordText record={pause} />
      </div>
    );
  return (
    <>
      {unserved && (
        <Cause icon="lost" href="/processes">
          {t('queues.unserved')}
        </Cause>
      )}
      {holdingPauses.map((holding) => (
        <Holding key={`${holding.kind} ${holding.name}`} holding={holding} />
      ))}
      {busyThreads !== null && holdingPauses.every(({ holdsAll }) => !holdsAll) && (
        <Cause
          icon="running"
          href={`/processes${name ? `?${new URLSearchParams({ queue_name: name })}` : ''}`}
          isNeutral={!queue.isLate}
        >
          {t('queues.busyThreads', { count: busyThreads, number: count(busyThreads) })}
        </Cause>
      )}
    </>
  );
}

function Holding({ holding }: { holding: HoldingPause }) {
  const t = useTranslations('queues');
  const countText = useCountText();
  const { kind, name, count } = holding;
  return (
    <Cause icon="paused" href="/pauses">
      {t.rich(`held.${kind}`, {
        name: () => <span className="font-mono any-break">{name}</span>,
      })}
      {(count.kind === 'exact' || count.kind === 'at_least') && (
        <span className="whitespace-nowrap">
          {' · '}
          {t(`heldJobs.${count.kind}`, { count: count.count, number: countText(count).number })}
        </span>
      )}
    </Cause>
  );
}

function Cause({
  icon,
  href,
  isNeutral = false,
  children,
}: {
  icon: 'lost' | 'paused' | 'running';
  href: string;
  isNeutral?: boolean;
  children: ReactNode;
}) {
  return (
    <Link
      href={href}
      prefetch={false}
      data-cause={icon}
      className={`mt-0.5 flex w-fit min-h-6 items-center gap-1.5 no-underline hover:underline ${
        isNeutral ? 'text-soft' : 'text-warn'
      }`}
    >
      <Icon name={icon} className="size-3.5" />
      <span className="min-w-0">{children}</span>
    </Link>
  );
}
