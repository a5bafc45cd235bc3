import { type CronParse, parseCron } from './fugit-cron';
import { wordsToCron } from './fugit-nat';
import type { Schedule } from './runs';
import { type Zone, appZone, zoneOf } from './zone';

/** Why a schedule's times are not shown; each is a message `cron.unreadable.<reason>`. */
export const UNREADABLE = [
  /** Neither a cron expression nor natural language that is known here. */
  'unknown',
  /** It has a `~`: GoodJob draws the time anew each time that it starts. */
  'random',
  /** The zone at its end is not known here. */
  'zone',
  /** It has no zone, and the app's own (GOOD_JOB_APP_TIME_ZONE) is not known here. */
  'app_zone',
] as const;
export type Unreadable = (typeof UNREADABLE)[number];

export interface ReadSchedule {
  /** The cron expression that its words mean; null when it is written as one. */
  asCron: string | null;
  schedule: Schedule;
  /** It has no zone of its own: the app's counts. */
  isAppZone: boolean;
  /** It counts weeks (`%`), which fugit does anew since et-orbi 1.4. */
  countsWeeks: boolean;
}

/** Longer ones are no schedules. */
const MAX_LENGTH = 1_000;

/** What a schedule means, as GoodJob has it read (Fugit.parse); without a zone of its own it is the app's (`Time.zone`). */
export function readSchedule(text: string, appTimeZone: string): ReadSchedule | Unreadable {
  if (text.length > MAX_LENGTH) return 'unknown';
  let parsed: CronParse = parseCron(text);
  const asCron = parsed === 'not_cron' ? wordsToCron(text) : null;
  if (asCron !== null) parsed = parseCron(asCron);
  if (parsed === 'not_cron') return 'unknown';
  if (parsed === 'random') return 'random';
  const { fields } = parsed;
  const appClock = appZone(appTimeZone);
  const clock: Zone | null = fields.zone === null ? appClock : zoneOf(fields.zone);
  if (!clock) return fields.zone === null ? 'app_zone' : 'zone';
  return {
    asCron,
    schedule: { ...fields, clock, appClock: appClock ?? clock },
    isAppZone: fields.zone === null,
    countsWeeks: fields.weekdays?.some(({ modulo }) => modulo !== undefined) ?? false,
  };
}
