import type { JobAction } from '@/lib/good-job/types';
import type { JobRow } from '@/lib/jobs/types';
import type { DenialMap } from '../permissions';

/** In the order of the menu: the destructive actions last. */
export const MENU_ACTIONS: JobAction[] = [
  'retry',
  'reschedule',
  'discard',
  'force_discard',
  'destroy',
];
export const DESTRUCTIVE: ReadonlySet<string> = new Set<JobAction>([
  'discard',
  'force_discard',
  'destroy',
]);

type DisabledReason = 'finished' | 'unfinished' | 'notDiscarded' | 'read_only' | 'forbidden';

/** The reason why an action is disabled (a message key `actions.why.<reason>`), or null. */
export function disabledReason(
  action: JobAction,
  job: Pick<JobRow, 'state' | 'error'>,
  denials: DenialMap,
): DisabledReason | null {
  const isFinished = job.state === 'succeeded' || job.state === 'discarded';
  const denial = denials[`job.${action}`];
  if (denial) return denial;
  switch (action) {
    case 'reschedule':
    case 'discard':
    case 'force_discard':
      return isFinished ? 'finished' : null;
    case 'retry':
      return job.state === 'discarded' && job.error?.trim() ? null : 'notDiscarded';
    case 'destroy':
      return isFinished ? null : 'unfinished';
  }
}
