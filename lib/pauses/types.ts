import type { PauseRecord } from '../audit/types';
import type { SettingRefusalCode } from '../good-job/settings';
import type { PauseKind } from '../good-job/types';
import type { Count } from '../jobs/types';

export interface PauseRow extends PauseRecord {
  kind: PauseKind;
  name: string;
  /** Its jobs that have neither started nor finished. */
  waiting: Count;
  /** Its waiting jobs that are due; the same count as on /attention. */
  ready: Count;
}

export interface PauseList {
  rows: PauseRow[];
  /** The last change of the setting, in ISO 8601 UTC; null: nothing was ever paused. */
  changedAt: string | null;
  /** The setting is not an object of lists. */
  unreadable: boolean;
  /** The setting exceeds the size limit, so no pause is listed. */
  tooLarge: boolean;
  /** There are more pauses than the list holds. */
  more: boolean;
}

/** What a pause or its end would affect now. */
export interface PausePreview extends PauseRecord {
  waiting: Count;
  running: Count;
  isPaused: boolean;
}

/** Ends after a duration, in minutes. */
export const END_MINUTES = { '30m': 30, '1h': 60 } as const;
export type EndPreset = keyof typeof END_MINUTES;
/** A preset, or a time in ISO 8601 UTC. */
export type PauseEnd = EndPreset | (string & {});

export const isEndPreset = (end: string): end is EndPreset => Object.hasOwn(END_MINUTES, end);

/** A pause as its action left it, which an undo requires to find. */
export interface PauseState {
  /** `updated_at` of GoodJob's setting. */
  version: string;
  endsAt: string | null;
}

/** `end_invalid`: the end has passed, or is more than a year away. */
export type PauseRefusal = SettingRefusalCode | 'end_invalid';

export type PauseOutcome =
  /** `added`: the state of a pause that this action added; null: it ended one. */
  | { outcome: 'done'; added: PauseState | null }
  /** The name was already paused; the pause has the end of this action. */
  | { outcome: 'end_changed'; endsAt: string | null }
  /** The pause already had that state; nothing was written. */
  | { outcome: 'unchanged' }
  | { outcome: 'locked' }
  /** An undo of a pause that something else has changed since. */
  | { outcome: 'conflict' }
  | { outcome: 'refused'; code: PauseRefusal };
