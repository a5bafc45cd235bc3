import type { JobAction } from '@/lib/good-job/actions';
import type { JobRow } from '@/lib/jobs/types';
import type { DenialMap } from '../permissions';

/** In the order of the menu: what helps first, what destroys last. */
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

export type WhyNot = 'finished' | 'unfinished' | 'notDiscarded' | 'read_only' | 'forbidden';

/** Why an action is not offered for a job as it is shown (a message key `actions.why.<reason>`); null: it is. */
export function disabledReason(
  action: JobAction,
  job: Pick<JobRow, 'state' | 'error'>,
  denials: DenialMap,
): WhyNot | null {
  const finished = job.state === 'succeeded' || job.state === 'discarded';
  const denied = denials[`job.${action}`];
  if (denied) return denied;
  switch (action) {
    case 'reschedule':
    case 'discard':
    case 'force_discard':
      return finished ? 'finished' : null;
    case 'retry':
      return job.state === 'discarded' && job.error?.trim() ? null : 'notDiscarded';
    case 'destroy':
      return finished ? null : 'unfinished';
  }
}
