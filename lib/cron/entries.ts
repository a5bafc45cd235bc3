import 'server-only';
import { redactNames } from '../context/redact-names';
import type { Ctx } from '../context/request-context';
import { type Json, object, parseJson, prettyJson, scalar } from '../core/json';
import { ProcessCache } from '../core/process-state';
import { redactName, redaction } from '../redaction/redaction';
import type { FileEntry } from './cron-file';
import type { CronFields } from './fugit/cron-expression';
import {
  type ParsedSchedule,
  type UnreadableReason,
  nextRun,
  nextRuns,
  parseSchedule,
} from './fugit/occurrences';
import {
  type CronConfiguration,
  type CronStatus,
  type StoredCron,
  type StoredRuns,
  overdueSince,
  readCronConfiguration,
  readRuns,
  readStored,
  readStoredSettings,
} from './queries';
import {
  type CronDetail,
  type CronPage,
  type CronRow,
  NEXT_RUNS,
  type ScheduleView,
  type ScheduleWords,
  type UpcomingCron,
} from './types';

/** A longer list is harder to read than the cron expression. */
const MAX_LIST_LENGTH = 6;
const twoDigits = (number: number) => String(number).padStart(2, '0');

/** Returns a schedule in words; null: the cron expression is easier to read. */
export function describeSchedule({
  seconds,
  minutes,
  hours,
  monthdays,
  months,
  weekdays,
  dayAnd,
}: CronFields): ScheduleWords | null {
  const everyDay = !monthdays && !months && !weekdays;
  if (seconds.length !== 1 || seconds[0] !== 0) {
    const every = stepOf(seconds, 60);
    return every !== null && everyDay && !minutes && !hours ? { kind: 'seconds', every } : null;
  }
  if (!hours) return everyDay ? withinHour(minutes) : null;
  if (!minutes) return null;
  const [minute] = minutes;
  const everyHours = stepOf(hours, 24);
  if (
    everyDay &&
    everyHours !== null &&
    hours.length > 1 &&
    minutes.length === 1 &&
    minute !== undefined
  )
    return { kind: 'hours', every: everyHours, minute: twoDigits(minute) };
  const times = hours.flatMap((hour) =>
    minutes.map((minuteOfHour) => `${twoDigits(hour)}:${twoDigits(minuteOfHour)}`),
  );
  if (times.length > MAX_LIST_LENGTH) return null;
  if (everyDay) return { kind: 'daily', times };
  if (
    weekdays &&
    !monthdays &&
    !months &&
    weekdays.every(({ nth, modulo }) => nth === undefined && modulo === undefined)
  )
    return { kind: 'weekly', weekdays: weekdays.map(({ weekday }) => weekday), times };
  if (
    !monthdays ||
    weekdays ||
    dayAnd ||
    monthdays.length > MAX_LIST_LENGTH ||
    monthdays.some((day) => day < -1)
  )
    return null;
  if (!months) return { kind: 'monthly', monthdays, times };
  return months.length <= MAX_LIST_LENGTH ? { kind: 'yearly', months, monthdays, times } : null;
}

function withinHour(minutes: number[] | null): ScheduleWords | null {
  const every = minutes ? stepOf(minutes, 60) : 1;
  if (every !== null && (!minutes || minutes.length > 1)) return { kind: 'minutes', every };
  return minutes && minutes.length <= MAX_LIST_LENGTH
    ? { kind: 'hourly', minutes: minutes.map(twoDigits) }
    : null;
}

/**
 * Returns the step of values that are evenly spaced from 0, if it divides `whole`; otherwise null.
 */
function stepOf(values: number[], whole: number): number | null {
  const step = whole / values.length;
  return Number.isInteger(step) && values.every((value, index) => value === index * step)
    ? step
    : null;
}

const PAGE_SIZE = 50;

/**
 * Returns one page of the cron keys in CRON_FILE, jobs and settings, in the order of their redacted
 * names. `after` is the cursor: the redacted key before the page, null for the first page.
 */
export async function listCronEntries(ctx: Ctx, after: string | null): Promise<CronPage> {
  const file = readCronConfiguration();
  return ctx.db.read(
    async (tx) => {
      const stored = await readStored(tx, ctx.tables, file.entries.keys());
      const all = allKeys(file, stored);
      const redactKey = await redactNames(ctx, 'cron_key', all, tx);
      // Sorting by the original key would reveal a redacted one by its position.
      const keys = all
        .map((key) => ({ key, redacted: redactKey(key) }))
        .sort((a, b) => compareCodeUnits(a.redacted, b.redacted));
      const start = after === null ? 0 : keys.findIndex(({ redacted }) => redacted > after);
      const page = start < 0 ? [] : keys.slice(start, start + PAGE_SIZE);
      const runs = await readRuns(
        tx,
        ctx.tables,
        page.map(({ key }) => key),
      );
      const counts = countKeys(file, stored);
      const before = start < 0 ? keys : keys.slice(0, start);
      const hasNext = start >= 0 && start + PAGE_SIZE < keys.length;
      return {
        rows: page.map(({ key, redacted }) => ({
          ...toRow(ctx, key, file, stored, runs.get(key)),
          key: redacted,
        })),
        ...counts,
        notInFile: keys.length - counts.enabled - counts.disabled,
        hasCronFile: file.hasFile,
        isCronFileStale: file.isStale,
        cronProcesses: countProcesses(stored.status),
        more: stored.more,
        previous: before.length === 0 ? null : (before.at(-PAGE_SIZE - 1)?.redacted ?? ''),
        next: hasNext ? (page.at(-1)?.redacted ?? null) : null,
      };
    },
    { byIndexOnly: true },
  );
}

/**
 * Returns one entry; null: neither CRON_FILE nor a job nor a setting has the key. `none` is the
 * translated placeholder for properties that the entry does not set.
 */
export async function getCronEntry(
  ctx: Ctx,
  key: string,
  none = 'None',
): Promise<CronDetail | null> {
  const file = readCronConfiguration();
  const entry = file.entries.get(key);
  return ctx.db.read(
    async (tx) => {
      const stored = await readStored(tx, ctx.tables, file.entries.keys());
      const runs = (await readRuns(tx, ctx.tables, [key])).get(key);
      if (!entry && !runs && !stored.enabled.has(key) && !stored.disabled.has(key)) return null;
      const row = toRow(ctx, key, file, stored, runs);
      const parsed = entry?.cron ? parseSchedule(entry.cron, ctx.tables.app.timeZone) : null;
      return {
        row,
        nextRuns:
          parsed !== null && typeof parsed === 'object'
            ? nextRuns(parsed.schedule, stored.status.nowMs, NEXT_RUNS).map(toIso)
            : [],
        propertiesJson: entry ? propertiesOf(entry, none) : null,
        hasCronFile: file.hasFile,
        cronProcesses: countProcesses(stored.status),
      };
    },
    { byIndexOnly: true },
  );
}

interface OverdueCron {
  /** Enabled keys with a missing run; `since` is when it was due, in ISO 8601 UTC. */
  keys: { key: string; since: string }[];
  /** More keys may be overdue: on a standby it is unknown whether a cron process is alive. */
  unknownOnStandby: boolean;
}

/** Returns the enabled keys of CRON_FILE whose last due run was not enqueued, names redacted. */
export async function readOverdueCron(ctx: Ctx): Promise<OverdueCron> {
  const file = readCronConfiguration();
  if (file.entries.size === 0) return { keys: [], unknownOnStandby: false };
  return ctx.db.read(
    async (tx) => {
      const stored = await readStored(tx, ctx.tables, file.entries.keys());
      const keys = [...file.entries.keys()].filter((key) => isEnabled(key, file, stored));
      const runs = await readRuns(tx, ctx.tables, keys);
      const overdue = keys.flatMap((key) => {
        const since = toRow(ctx, key, file, stored, runs.get(key)).overdueSince;
        return since === null ? [] : [{ key, since }];
      });
      const names = overdue.map(({ key }) => key);
      const redactKey = await redactNames(ctx, 'cron_key', names, tx);
      return {
        keys: overdue.map(({ key, since }) => ({ key: redactKey(key), since })),
        unknownOnStandby: stored.status.mayHaveMoreProcesses,
      };
    },
    { byIndexOnly: true },
  );
}

/** Returns the next runs of CRON_FILE within `withinMs`, names redacted. */
export async function readUpcomingCron(
  ctx: Ctx,
  withinMs: number,
  limit: number,
): Promise<UpcomingCron> {
  const file = readCronConfiguration();
  if (!file.hasFile) return { hasCronFile: false, cronProcesses: null, runs: [], omitted: 0 };
  return ctx.db.read(
    async (tx) => {
      const stored = await readStoredSettings(tx, ctx.tables, file.entries.keys());
      const untilMs = stored.status.nowMs + withinMs;
      const rows = [...file.entries.keys()]
        .map((key) => ({ stored: key, row: toRow(ctx, key, file, stored, undefined) }))
        .flatMap(({ row, ...entry }) => {
          const isDue = row.enabled && row.nextAt !== null && Date.parse(row.nextAt) <= untilMs;
          return isDue ? [{ ...entry, row, at: row.nextAt ?? '' }] : [];
        })
        .sort((a, b) => compareCodeUnits(a.at, b.at) || compareCodeUnits(a.row.key, b.row.key));
      const listed = rows.slice(0, limit);
      const redactKey = await redactNames(
        ctx,
        'cron_key',
        listed.map((entry) => entry.stored),
        tx,
      );
      return {
        hasCronFile: true,
        cronProcesses: countProcesses(stored.status),
        runs: listed.map(({ stored: key, row: { jobClass, schedule }, at }) => ({
          key: redactKey(key),
          jobClass,
          schedule,
          at,
        })),
        omitted: rows.length - listed.length,
      };
    },
    { byIndexOnly: true },
  );
}

/** Null: unknown on a standby. */
function countProcesses({ liveProcesses, mayHaveMoreProcesses }: CronStatus): number | null {
  return liveProcesses === 0 && mayHaveMoreProcesses ? null : liveProcesses;
}

/** The same order as `>`, which finds the cursor's position even if its key no longer exists. */
function compareCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function allKeys(file: CronConfiguration, stored: StoredCron): string[] {
  return [
    ...new Set([...file.entries.keys(), ...stored.keys, ...stored.enabled, ...stored.disabled]),
  ].sort(compareCodeUnits);
}

/** With CRON_FILE counts only its keys, as GoodJob does; without it, all keys. */
function countKeys(
  file: CronConfiguration,
  stored: StoredCron,
): Pick<CronPage, 'enabled' | 'disabled'> {
  const keys = file.hasFile ? [...file.entries.keys()] : allKeys(file, stored);
  const enabled = keys.filter((key) => isEnabled(key, file, stored)).length;
  return { enabled, disabled: keys.length - enabled };
}

/**
 * `GoodJob::Setting.cron_key_enabled?`: the opposite of the default needs an entry in a setting.
 */
function isEnabled(
  key: string,
  file: CronConfiguration,
  { enabled, disabled }: StoredCron,
): boolean {
  return (file.entries.get(key)?.enabledByDefault ?? true) ? !disabled.has(key) : enabled.has(key);
}

function toRow(
  ctx: Ctx,
  key: string,
  file: CronConfiguration,
  stored: StoredCron,
  storedRuns: StoredRuns | undefined,
): CronRow {
  const entry = file.entries.get(key);
  const enabled = isEnabled(key, file, stored);
  const parsed = entry?.cron ? parseSchedule(entry.cron, ctx.tables.app.timeZone) : null;
  const valid = parsed !== null && typeof parsed === 'object' ? parsed : null;
  return {
    key: redactName(key),
    isConfigured: entry !== undefined,
    description: redactName(entry?.description ?? null),
    jobClass: redactName(entry?.jobClass ?? storedRuns?.jobClass ?? null),
    schedule: entry?.cron && parsed !== null ? toScheduleView(entry.cron, parsed) : null,
    problems: entry?.problems ?? [],
    enabled,
    runs: storedRuns?.runs ?? [],
    nextAt: valid ? isoOrNull(cachedNextRun(entry?.cron ?? '', valid, stored.status.nowMs)) : null,
    overdueSince:
      valid && enabled
        ? isoOrNull(overdueSince(valid, storedRuns?.last ?? null, stored.status))
        : null,
    cannotEnqueue: enqueueProblem(entry, storedRuns),
  };
}

function enqueueProblem(
  entry: FileEntry | undefined,
  storedRuns: StoredRuns | undefined,
): CronRow['cannotEnqueue'] {
  if (entry) return entry.job ? null : 'entry_invalid';
  return storedRuns ? null : 'no_source';
}

function toScheduleView(text: string, parsed: ParsedSchedule | UnreadableReason): ScheduleView {
  if (typeof parsed === 'string')
    return {
      text,
      asCron: null,
      words: null,
      zone: null,
      isAppZone: false,
      hasWeekModulo: false,
      unreadable: parsed,
    };
  const { asCron, schedule, isAppZone, hasWeekModulo } = parsed;
  return {
    text,
    asCron,
    words: describeSchedule(schedule),
    zone: schedule.clock.name,
    isAppZone,
    hasWeekModulo,
    unreadable: null,
  };
}

/** Never stale, because an entry is valid from `fromMs` until its run is due at `atMs`. */
const nextRunCache = new ProcessCache<{ fromMs: number; atMs: number | null }>('next cron runs', {
  ttlMs: Infinity,
  maxEntries: 2_000,
});

function cachedNextRun(cron: string, { schedule }: ParsedSchedule, nowMs: number): number | null {
  const key = `${schedule.clock.name} ${cron}`;
  const cached = nextRunCache.peek('', key);
  if (cached && cached.fromMs <= nowMs && (cached.atMs === null || cached.atMs > nowMs))
    return cached.atMs;
  const atMs = nextRun(schedule, nowMs);
  nextRunCache.set('', key, { fromMs: nowMs, atMs });
  return atMs;
}

const toIso = (ms: number) => new Date(ms).toISOString();
const isoOrNull = (ms: number | null) => (ms === null ? null : toIso(ms));

/** `GoodJob::CronEntry#display_properties`, with arguments redacted like those of a job. */
function propertiesOf(
  { key, jobClass, cron, set, description, args, kwargs }: FileEntry,
  none: string,
): string {
  const redactJson = (text: string, of: 'arguments' | 'other', path: string[] = []) =>
    redaction().redactJson(parseJson(text), { kind: of, path, jobClass });
  const positional = parseJson(args ?? '[]');
  // Active Job serializes keyword arguments as the last argument, which redaction paths refer to.
  const kwargsIndex = positional.kind === 'array' ? positional.items.length : 1;
  const properties: [string, Json][] = [
    ['key', scalar(redactName(key))],
    ['class', scalar(jobClass ?? none)],
    ['cron', scalar(cron ?? none)],
    ['set', set === null ? scalar(none) : redactJson(set, 'other')],
    ['description', scalar(redactName(description ?? none))],
  ];
  if (args !== null) properties.push(['args', redactJson(args, 'arguments')]);
  if (kwargs !== null)
    properties.push(['kwargs', redactJson(kwargs, 'arguments', [String(kwargsIndex)])]);
  return prettyJson(object(properties));
}

/** Returns the numbers of enabled and disabled keys, the same as listCronEntries. */
export async function countCronEntries(ctx: Ctx): Promise<Pick<CronPage, 'enabled' | 'disabled'>> {
  const file = readCronConfiguration();
  const stored = await ctx.db.read((tx) => readStored(tx, ctx.tables, file.entries.keys()), {
    byIndexOnly: true,
  });
  return countKeys(file, stored);
}
