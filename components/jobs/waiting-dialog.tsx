'use client';

import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { useEffect, useRef } from 'react';
import type { RepairResult } from '@/lib/attention/types';
import { RepairDialog } from '../attention/repair-dialog';
import { MoreMessages } from '../i18n/more-messages';
import { usePause } from '../pauses/pause-actions';
import { usePolling } from '../polling/polling-provider';
import { type Toast, useToasts } from '../toasts';
import { ActionDialog, useActionToast } from './action-dialog';
import type { WaitingAct } from './why-waiting';

const OTHER_OUTCOMES = ['conflict', 'locked', 'missing', 'refused'] as const;

interface Props {
  act: WaitingAct;
  job: { id: string; jobClass: string | null };
  onClose: () => void;
}

/** Confirms an act of WhyWaiting, runs it, and shows its outcome as a toast. */
export default function WaitingDialog({ act, job, onClose }: Props) {
  const { show } = useToasts();
  const { refresh } = usePolling();
  const router = useRouter();
  const refreshPage = () => {
    router.refresh();
    refresh();
  };
  const onDone = (toast: Toast) => {
    show(toast);
    refreshPage();
  };
  if (act.kind === 'run_now') return <RunNow job={job} onDone={refreshPage} onClose={onClose} />;
  return (
    <MoreMessages>
      {act.kind === 'release' ? (
        <Release jobId={job.id} onDone={onDone} onClose={onClose} />
      ) : (
        <Resume act={act} onDone={refreshPage} />
      )}
    </MoreMessages>
  );
}

function RunNow({ job, onDone, onClose }: Pick<Props, 'job' | 'onClose'> & { onDone: () => void }) {
  const showToast = useActionToast();
  return (
    <ActionDialog
      action="reschedule"
      job={job}
      onClose={onClose}
      onDone={(result) => {
        showToast(result);
        onDone();
      }}
    />
  );
}

function Release({
  jobId,
  onDone,
  onClose,
}: {
  jobId: string;
  onDone: (toast: Toast) => void;
  onClose: () => void;
}) {
  const t = useTranslations();
  const textOf = (counts: RepairResult['counts']) => {
    const outcome = OTHER_OUTCOMES.find((name) => counts[name]) ?? 'conflict';
    return counts.done
      ? t('attention.repairs.release_jobs.done', { count: counts.done, number: '1' })
      : t(`attention.notDone.${outcome}`, { count: 1, number: '1' });
  };
  return (
    <RepairDialog
      target={{ repair: 'release_jobs', ids: [jobId] }}
      onClose={onClose}
      onRepaired={({ result }) =>
        onDone(
          result.ok
            ? {
                text: textOf(result.value.counts),
                tone: result.value.counts.done ? 'done' : 'problem',
              }
            : { text: t(`errors.${result.error}`), tone: 'problem' },
        )
      }
    />
  );
}

function Resume({
  act: { pause },
  onDone,
}: {
  act: Extract<WaitingAct, { kind: 'resume' }>;
  onDone: () => void;
}) {
  const { openDialog, dialog } = usePause({ canEnd: false, onDone });
  const open = useRef(openDialog);
  useEffect(() => open.current('unpause', pause), [pause]);
  return dialog;
}
