'use client';

import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import type { JobAction } from '@/lib/good-job/types';
import type { JobRow } from '@/lib/jobs/types';
import { useHref } from '../application';
import { useNavigate } from '../navigation';
import { usePaletteActions } from '../palette/page-actions';
import { useDenials } from '../permissions';
import { usePolling } from '../polling/polling-provider';
import { buttonClass } from '../ui/button';
import { Panel, Tooltip, useClosePanel } from '../ui/floating';
import { Icon } from '../ui/icon';
import { ActionDialog, type JobActionResult, useActionToast } from './action-dialog';
import { DESTRUCTIVE, MENU_ACTIONS, disabledReason } from './action-rules';

type ActionJob = Pick<JobRow, 'id' | 'jobClass' | 'state' | 'error'>;

/**
 * The actions of the job page: the primary one of the state as a button, the others in a panel.
 * They are links to confirmation pages, which open a dialog if JavaScript runs.
 */
export function JobActions({ job }: { job: ActionJob }) {
  const t = useTranslations();
  const { refresh } = usePolling();
  const router = useRouter();
  const navigate = useNavigate();
  const denials = useDenials();
  const showToast = useActionToast();
  const [action, setAction] = useState<JobAction | null>(null);
  const onDone = (result: JobActionResult) => {
    showToast(result);
    // The page of a destroyed job no longer exists.
    if (result.action === 'destroy' && result.result.ok && result.result.value.outcome === 'done')
      return navigate('/jobs');
    router.refresh();
    refresh();
  };
  usePaletteActions(() =>
    MENU_ACTIONS.map((name) => {
      const reason = disabledReason(name, job, denials);
      return {
        key: name,
        text: t(`actions.${name}.menu`),
        reason: reason && t(`actions.why.${reason}`),
        onSelect: () => setAction(name),
      };
    }),
  );
  // What the state forbids is not offered.
  const offered = MENU_ACTIONS.filter((name) => disabledReason(name, job, {}) === null);
  const primary = offered.find((name) => name === primaryOf(job));
  const others = offered.filter((name) => name !== primary);
  return (
    <>
      <div className="flex flex-wrap items-center gap-2">
        {primary && (
          <ActionLink
            job={job}
            action={primary}
            kind={primary === 'retry' ? 'primary' : 'plain'}
            onPress={() => setAction(primary)}
          />
        )}
        {others.length > 0 && (
          <Panel
            button={<Icon name="more" />}
            label={t('job.moreActions')}
            buttonClassName={`${buttonClass()} px-2`}
            className="min-w-52 p-1"
          >
            <OtherActions job={job} actions={others} onPress={setAction} />
          </Panel>
        )}
      </div>
      {action && (
        <ActionDialog action={action} job={job} onDone={onDone} onClose={() => setAction(null)} />
      )}
    </>
  );
}

/** The action beside the panel: a discarded job is usually retried, a waiting one rescheduled. */
const primaryOf = ({ state }: ActionJob): JobAction =>
  state === 'discarded' || state === 'running' ? 'retry' : 'reschedule';

function OtherActions({
  job,
  actions,
  onPress,
}: {
  job: ActionJob;
  actions: JobAction[];
  onPress: (action: JobAction) => void;
}) {
  const closePanel = useClosePanel();
  return (
    <ul>
      {actions.map((name) => (
        <li key={name}>
          <ActionLink
            job={job}
            action={name}
            kind="quiet"
            onPress={() => {
              closePanel();
              onPress(name);
            }}
          />
        </li>
      ))}
    </ul>
  );
}

function ActionLink({
  job,
  action,
  kind,
  onPress,
}: {
  job: ActionJob;
  action: JobAction;
  kind: 'primary' | 'plain' | 'quiet';
  onPress: () => void;
}) {
  const t = useTranslations('actions');
  const href = useHref();
  const reason = disabledReason(action, job, useDenials());
  const color = DESTRUCTIVE.has(action) ? 'text-danger' : 'text-ink';
  const inPanel = kind === 'quiet' ? `w-full justify-start ${color}` : '';
  const className = `${buttonClass(kind)} ${inPanel}`;
  if (reason)
    return (
      // In the panel a tooltip above would cover the next action.
      <Tooltip content={t(`why.${reason}`)} placement={kind === 'quiet' ? 'left' : 'top'}>
        <button type="button" aria-disabled="true" className={className}>
          {t(`${action}.name`)}
        </button>
      </Tooltip>
    );
  return (
    <a
      href={href(`/jobs/${job.id}/${action}`)}
      className={className}
      onClick={(event) => {
        event.preventDefault();
        onPress();
      }}
    >
      {t(`${action}.menu`)}
    </a>
  );
}
