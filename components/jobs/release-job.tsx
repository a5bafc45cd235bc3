'use client';

import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { useEffect, useRef, useState } from 'react';
import type { RepairTarget } from '@/lib/attention/types';
import { RepairDialog, type RepairAttempt } from '../attention/repair-dialog';
import { RepairLink } from '../attention/repair-link';
import { RepairOutcome } from '../attention/repair-outcome';
import { usePolling } from '../polling/polling-provider';
import { Icon } from '../ui/icon';

/**
 * Releases a job of a lost worker. `isLocked`: `locked_by_id` still contains that worker's id, so
 * no other worker takes the job.
 */
export function ReleaseJob({ jobId, isLocked }: { jobId: string; isLocked: boolean }) {
  const t = useTranslations();
  const { refresh } = usePolling();
  const router = useRouter();
  const [isDialogOpen, setDialogOpen] = useState(false);
  const [lastRepair, setLastRepair] = useState<RepairAttempt | null>(null);
  const outcome = useRef<HTMLDivElement>(null);
  // The release removes its own button, so focus moves to the outcome.
  useEffect(() => outcome.current?.focus(), [lastRepair]);
  const target: RepairTarget = { repair: 'release_jobs', ids: [jobId] };
  const result = lastRepair?.result;
  return (
    <section
      aria-label={t('states.lostWorker')}
      className="mt-3 flex flex-col gap-2 rounded-md border border-line bg-warn-wash px-3 py-2"
    >
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <p className="flex items-start gap-1.5">
          <Icon name="lost" className="mt-[3px] text-warn" />
          {t(isLocked ? 'job.lockedByLostWorker' : 'job.waitsForWorker')}
        </p>
        {isLocked && (
          <RepairLink
            target={target}
            text={t('attention.repairs.release_jobs.menu')}
            backToJob
            onRepair={() => setDialogOpen(true)}
          />
        )}
      </div>
      {result && (
        <div ref={outcome} tabIndex={-1} role="status">
          {result.ok ? (
            <RepairOutcome repair="release_jobs" counts={result.value.counts} />
          ) : (
            <p className="text-danger">{t(`errors.${result.error}`)}</p>
          )}
        </div>
      )}
      {isDialogOpen && (
        <RepairDialog
          target={target}
          onClose={() => setDialogOpen(false)}
          onRepaired={(attempt) => {
            setLastRepair(attempt);
            router.refresh();
            refresh();
          }}
        />
      )}
    </section>
  );
}
