import 'server-only';
import { redactNames } from '../context/redact-names';
import type { Ctx } from '../context/types';
import { type Json, object, scalar } from '../core/json';
import { parseJson, prettyJson } from '../core/json-text';
import { ProcessCache } from '../core/process-cache';
import { redactName, redaction } from '../redaction/redaction';
import type { FileEntry } from './cron-file';
import { describeSchedule } from './describe';
import {
  type ReadSchedule,
  type Unreadable,
  nextRun,
  nextRuns,
  readSchedule,
} from './fugit/occurrences';
import { type Configured, type CronWatch, configuredCron, overdueSince } from './overdue';
import { type StoredCron, type StoredRuns, readRuns, readStored } from './queries';
import {
  type CronDetail,
  type CronPage,
  type CronRow,
  NEXT_RUNS,
  type ScheduleView,
} from './types';

/** Rows a page; each has its last runs. */
const PAGE = 50;

/** The cron entries by key: those of CRON_FILE, those that jobs or settings name. `after`: begins behind this key. */
export async function listCronEntries(ctx: Ctx, after: string | null): Promise<CronPage> {
  const file = configuredCron();
  return ctx.db.read(
    async (tx) => {
      const stored = await readStored(tx, ctx.tables, file.entries.keys());
      const all = allKeys(file, stored);
      const shownKey = await redactNames(ctx, 'cron_key', all, tx);
      // In the order of what is shown: where a hidden key stands among others, and which page begins behind a guess, would tell it.
      const keys = all
        .map((key) => ({ key, as: shownKey(key) }))
        .sort((a, b) => (a.as < b.as ? -1 : a.as > b.as ? 1 : 0));
      const start = after === null ? 0 : keys.findIndex(({ as }) => as > after);
      const shown = start < 0 ? [] : keys.slice(start, start + PAGE);
      const runs = await readRuns(
        tx,
        ctx.tables,
        shown.map(({ key }) => key),
      );
      const counts = countKeys(file, stored);
      const before = start < 0 ? keys : keys.slice(0, start);
      return {
        rows: shown.map(({ key, as }) => ({
          ...toRow(ctx, key, file, stored, runs.get(key)),
          key: as,
        })),
        ...counts,
        notInFile: keys.length - counts.enabled - counts.disabled,
        fileGiven: file.given,
        fileStale: file.stale,
        cronProcesses: cronProcessesOf(stored.watch),
        more: stored.more,
        previous: before.length === 0 ? null : (before.at(-PAGE - 1)?.as ?? ''),
        next: start >= 0 && start + PAGE < keys.length ? (shown.at(-1)?.as ?? null) : null,
      };
    },
    { byIndexOnly: true },
  );
}

/** One entry; null: neither the file nor a job nor a setting has the key. `none`: the word for what its configuration leaves out. */
export async function getCronEntry(
  ctx: Ctx,
  key: string,
  none = 'None',
): Promise<CronDetail | null> {
  const file = configuredCron();
  const entry = file.entries.get(key);
  return ctx.db.read(
    async (tx) => {
      const stored = await readStored(tx, ctx.tables, file.entries.keys());
      const runs = (await readRuns(tx, ctx.tables, [key])).get(key);
      if (!entry && !runs && !stored.enabled.has(key) && !stored.disabled.has(key)) return null;
      const row = toRow(ctx, key, file, stored, runs);
      const read = entry?.cron ? readSchedule(entry.cron, ctx.tables.app.timeZone) : null;
      return {
        row,
        nextRuns:
          read !== null && typeof read === 'object'
            ? nextRuns(read.schedule, stored.watch.now, NEXT_RUNS).map(iso)
            : [],
        propertiesJson: entry ? propertiesOf(entry, none) : null,
        fileGiven: file.given,
        cronProcesses: cronProcessesOf(stored.watch),
      };
    },
    { byIndexOnly: true },
  );
}

export interface OverdueCron {
  /** Keys whose job is missing, and since when; of all that are enabled. */
  keys: { key: string; since: string }[];
  /** A standby does not know whether a process was there to enqueue them. */
  unknownOnStandby: boolean;
}

export async function readOverdueCron(ctx: Ctx): Promise<OverdueCron> {
  const file = configuredCron();
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
        unknownOnStandby: stored.watch.mayHaveOthers,
      };
    },
    { byIndexOnly: true },
  );
}

/** Null: a standby does not know. */
function cronProcessesOf({ processes, mayHaveOthers }: CronWatch): number | null {
  return processes === 0 && mayHaveOthers ? null : processes;
}

/** By code points, so that `>` finds the place of a key that is gone. */
function allKeys(file: Configured, stored: StoredCron): string[] {
  return [
    ...new Set([...file.entries.keys(), ...stored.keys, ...stored.enabled, ...stored.disabled]),
  ].sort((a, b) => (a < b ? -1 : 1));
}

/** GoodJob has the keys of its configuration alone; without the file all may be of it. */
function countKeys(file: Configured, stored: StoredCron): Pick<CronPage, 'enabled' | 'disabled'> {
  const keys = file.given ? [...file.entries.keys()] : allKeys(file, stored);
  const enabled = keys.filter((key) => isEnabled(key, file, stored)).length;
  return { enabled, disabled: keys.length - enabled };
}

/** GoodJob::Setting.cron_key_enabled?: enabled by default counts until it is disabled, and the other way round. */
function isEnabled(key: string, file: Configured, { enabled, disabled }: StoredCron): boolean {
  return (file.entries.get(key)?.enabledByDefault ?? true) ? !disabled.has(key) : enabled.has(key);
}

function toRow(
  ctx: Ctx,
  key: string,
  file: Configured,
  stored: StoredCron,
  found: StoredRuns | undefined,
): CronRow {
  const entry = file.entries.get(key);
  const enabled = isEnabled(key, file, stored);
  const read = entry?.cron ? readSchedule(entry.cron, ctx.tables.app.timeZone) : null;
  const readable = read !== null && typeof read === 'object' ? read : null;
  return {
    key: redactName(key),
    configured: entry !== undefined,
    description: redactName(entry?.description ?? null),
    jobClass: redactName(entry?.jobClass ?? found?.jobClass ?? null),
    schedule: entry?.cron && read !== null ? viewOf(entry.cron, read) : null,
    problems: entry?.problems ?? [],
    enabled,
    runs: found?.runs ?? [],
    nextAt: readable ? isoOrNull(nextOf(entry?.cron ?? '', readable, stored.watch)) : null,
    overdueSince:
      readable && enabled
        ? isoOrNull(overdueSince(readable, found?.last ?? null, stored.watch))
        : null,
    cannotEnqueue: entry ? (entry.job ? null : 'entry_invalid') : found ? null : 'no_source',
  };
}

function viewOf(text: string, read: ReadSchedule | Unreadable): ScheduleView {
  if (typeof read === 'string')
    return {
      text,
      asCron: null,
      words: null,
      zone: null,
      isAppZone: false,
      countsWeeks: false,
      unreadable: read,
    };
  const { asCron, schedule, isAppZone, countsWeeks } = read;
  return {
    text,
    asCron,
    words: describeSchedule(schedule),
    zone: schedule.clock.name,
    isAppZone,
    countsWeeks,
    unreadable: null,
  };
}

const nextRunTimes = new ProcessCache<{ from: number; at: number | null }>('next cron runs', {
  ttlMs: Infinity,
  maxEntries: 2_000,
});

/** The next run stays the same until it is over. */
function nextOf(cron: string, read: ReadSchedule, { now }: CronWatch): number | null {
  const name = `${read.schedule.clock.name} ${cron}`;
  const next = nextRunTimes.peek('', name);
  if (next && next.from <= now && (next.at === null || next.at > now)) return next.at;
  const at = nextRun(read.schedule, now);
  nextRunTimes.set('', name, { from: now, at });
  return at;
}

const iso = (instant: number) => new Date(instant).toISOString();
const isoOrNull = (instant: number | null) => (instant === null ? null : iso(instant));

/** GoodJob::CronEntry#display_properties. Arguments pass the redaction, as those of a job. */
function propertiesOf(
  { key, jobClass, cron, set, description, args, kwargs }: FileEntry,
  none: string,
): string {
  const hidden = (text: string, of: 'arguments' | 'other', path: string[] = []): Json =>
    redaction().redactJson(parseJson(text), { of, path, jobClass });
  const positional = parseJson(args ?? '[]');
  // In the job they are its last argument.
  const last = positional.kind === 'array' ? positional.items.length : 1;
  return prettyJson(
    object([
      ['key', scalar(redactName(key))],
      ['class', scalar(jobClass ?? none)],
      ['cron', scalar(cron ?? none)],
      ['set', set === null ? scalar(none) : hidden(set, 'other')],
      ['description', scalar(redactName(description ?? none))],
      ...(args === null ? [] : [['args', hidden(args, 'arguments')] as [string, Json]]),
      ...(kwargs === null
        ? []
        : [['kwargs', hidden(kwargs, 'arguments', [String(last)])] as [string, Json]]),
    ]),
  );
}

/** How many entries are enabled and disabled, as the list says. */
export async function countCronEntries(ctx: Ctx): Promise<Pick<CronPage, 'enabled' | 'disabled'>> {
  const file = configuredCron();
  const stored = await ctx.db.read((tx) => readStored(tx, ctx.tables, file.entries.keys()), {
    byIndexOnly: true,
  });
  return countKeys(file, stored);
}
