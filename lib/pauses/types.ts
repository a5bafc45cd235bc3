import type { PauseKind } from '../good-job/settings';
import type { Count } from '../jobs/types';

export interface PauseRow {
  kind: PauseKind;
  name: string;
  /** Jobs that wait under it: not finished, not begun. */
  waiting: Count;
  /** Those of them that are due: a worker would take them but for the pause. The count that /attention has. */
  ready: Count;
}

export interface PauseList {
  rows: PauseRow[];
  /** When the setting last changed, whichever pause it was; null: nothing was ever paused. */
  changedAt: string | null;
  /** What is stored is no object of lists. */
  unreadable: boolean;
  /** The stored pauses are too large to be read, so none is listed. */
  tooLarge: boolean;
  /** More names than are shown. */
  more: boolean;
}
