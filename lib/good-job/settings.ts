import sql, { type Sql } from 'sql-template-tag';
import { blankText } from '../core/text';
import type { Tx } from '../db/database';
import { clock } from './notify';
import type { GoodJobTables } from './tables';

/** What GoodJob can pause, by its own parameter names (GoodJob::Setting.pause). */
export const PAUSE_KINDS = ['queue', 'job_class', 'label'] as const;
export type PauseKind = (typeof PAUSE_KINDS)[number];

/** Each kind's list in the value of `pauses`. */
export const PAUSE_LISTS = {
  queue: 'queues',
  job_class: 'job_classes',
  label: 'labels',
} as const satisfies Record<PauseKind, string>;

export const SETTING_REFUSALS = [
  /** Not exactly one of queue, class and label, or a blank one (ArgumentError in GoodJob). */
  'exactly_one',
  /** What is stored is no list, or no object of lists: GoodJob itself could not read it. */
  'setting_of_wrong_type',
] as const;
export type SettingRefusal = (typeof SETTING_REFUSALS)[number];

/** Thrown inside a transaction to undo it. */
export class SettingRefused extends Error {
  constructor(readonly code: SettingRefusal) {
    super(code);
  }
}

/** The one that is meant; null when not exactly one of them is there and not blank. */
export function pauseTarget(
  given: Partial<Record<PauseKind, string | null>>,
): { kind: PauseKind; name: string } | null {
  const present = PAUSE_KINDS.flatMap((kind) =>
    blankText(given[kind] ?? null) ? [] : [{ kind, name: given[kind] ?? '' }],
  );
  return present.length === 1 ? (present[0] ?? null) : null;
}

/*
 * Each of these tells whether it changed anything: when it was so already nothing is written, `updated_at` neither.
 * They throw SettingRefused.
 */

/** GoodJob::Setting.pause: the row is made with all three lists, a missing list is made, the name is appended if absent. */
export async function pause(
  tx: Tx,
  tables: GoodJobTables,
  kind: PauseKind,
  name: string,
): Promise<boolean> {
  return change(
    tx,
    tables,
    'append',
    {
      key: 'pauses',
      list: PAUSE_LISTS[kind],
      initial: '{"queues": [], "job_classes": [], "labels": []}',
    },
    name,
  );
}

/** GoodJob::Setting.unpause: every occurrence goes; the row and its lists stay. */
export async function unpause(
  tx: Tx,
  tables: GoodJobTables,
  kind: PauseKind,
  name: string,
): Promise<boolean> {
  return change(
    tx,
    tables,
    'remove',
    { key: 'pauses', list: PAUSE_LISTS[kind], initial: null },
    name,
  );
}

/**
 * GoodJob::Setting.cron_key_enable and .cron_key_disable: the key is appended to its own list (made if missing) and
 * taken from the other one, whatever `enabled_by_default` says.
 */
export async function switchCronKey(
  tx: Tx,
  tables: GoodJobTables,
  key: string,
  to: 'enabled' | 'disabled',
): Promise<boolean> {
  // Enabling and disabling write two rows each: one after the other, whichever of the rows are there yet.
  await tx.query(
    sql`SELECT pg_advisory_xact_lock(hashtextextended('good_job_settings cron_keys', 0))`,
  );
  const other = to === 'enabled' ? 'disabled' : 'enabled';
  const removed = await change(
    tx,
    tables,
    'remove',
    { key: `cron_keys_${other}`, list: null, initial: null },
    key,
  );
  const added = await change(
    tx,
    tables,
    'append',
    { key: `cron_keys_${to}`, list: null, initial: '[]' },
    key,
  );
  return added || removed;
}

interface Place {
  /** The setting's key. */
  key: string;
  /** The list's key in the value; null: the value is the list. */
  list: string | null;
  /** The value of a row that has to be made; null: none is made. */
  initial: string | null;
}

interface Stored {
  id: string;
  isNull: boolean;
  readable: boolean;
  has: boolean;
}

async function change(
  tx: Tx,
  tables: GoodJobTables,
  how: 'append' | 'remove',
  place: Place,
  name: string,
): Promise<boolean> {
  if (blankText(name)) throw new SettingRefused('exactly_one');
  const stored =
    (await lock(tx, tables, place, name)) ??
    (place.initial === null ? undefined : await make(tx, tables, place, name));
  // GoodJob takes nothing from a list that is null, and can add nothing to it.
  if (!stored || (stored.isNull && how === 'remove' && place.list === null)) return false;
  if (!stored.readable) throw new SettingRefused('setting_of_wrong_type');
  if (stored.has === (how === 'append')) return false;
  const list = listOf(place);
  const next =
    how === 'append'
      ? sql`coalesce(NULLIF(${list}, 'null'), '[]'::jsonb) || jsonb_build_array(${name}::text)`
      : sql`coalesce((SELECT jsonb_agg(e ORDER BY n) FROM jsonb_array_elements(${list}) WITH ORDINALITY t(e, n) WHERE e <> to_jsonb(${name}::text)), '[]'::jsonb)`;
  // The rest of the value stays as it is, other keys and exact numbers too.
  const value =
    place.list === null ? next : sql`s.value || jsonb_build_object(${place.list}::text, ${next})`;
  await tx.query(
    sql`UPDATE ${tables.settings} s SET value = ${value}, updated_at = ${await clock(tx)} WHERE s.id = ${stored.id}`,
  );
  return true;
}

const listOf = ({ list }: Place): Sql =>
  list === null ? sql`s.value` : sql`(s.value -> ${list}::text)`;

/** The row as it is under its lock. */
async function lock(
  tx: Tx,
  tables: GoodJobTables,
  place: Place,
  name: string,
): Promise<Stored | undefined> {
  const list = listOf(place);
  const readable =
    place.list === null
      ? sql`jsonb_typeof(s.value) = 'array'`
      : sql`jsonb_typeof(s.value) = 'object' AND coalesce(jsonb_typeof(${list}), 'null') IN ('array', 'null')`;
  const [stored] = await tx.query<Stored>(sql`
    SELECT s.id, coalesce(jsonb_typeof(s.value), 'null') = 'null' AS "isNull", coalesce(${readable}, false) AS readable, coalesce(jsonb_typeof(${list}) = 'array' AND ${list} ? ${name}::text, false) AS has
      FROM ${tables.settings} s WHERE s.key = ${place.key} FOR UPDATE`);
  return stored;
}

/** Of two sessions that make the row at once one does; the other then has its row. */
async function make(
  tx: Tx,
  tables: GoodJobTables,
  place: Place,
  name: string,
): Promise<Stored | undefined> {
  const now = await clock(tx);
  await tx.query(
    sql`INSERT INTO ${tables.settings} (key, value, created_at, updated_at) VALUES (${place.key}, ${place.initial}::jsonb, ${now}, ${now}) ON CONFLICT DO NOTHING`,
  );
  return lock(tx, tables, place, name);
}

export const list = (tables: GoodJobTables, key: string) => sql`
  COALESCE((SELECT CASE jsonb_typeof(s.value -> ${key}) WHEN 'array' THEN s.value -> ${key} END FROM ${tables.settings} s WHERE s.key = 'pauses'), '[]'::jsonb)`;

/** Paused queues that are read at most. */
export const PAUSED_QUEUES = 2_000;
