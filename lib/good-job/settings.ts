import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import { isBlankText } from '../core/text';
import type { Tx } from '../db/database';
import { MAX_NAME_BYTES } from '../db/text-limit';
import { clock } from './payload';
import type { GoodJobTables } from './tables';
import { PAUSE_KINDS, type PauseKind } from './types';

/** The key of each kind's list in the `pauses` setting. */
export const PAUSE_LISTS = {
  queue: 'queues',
  job_class: 'job_classes',
  label: 'labels',
} as const satisfies Record<PauseKind, string>;

export const SETTING_REFUSALS = [
  /** Not exactly one non-blank queue, class or label (GoodJob raises ArgumentError). */
  'exactly_one',
  /** The stored value is not a list, or not an object of lists; GoodJob cannot read it either. */
  'setting_of_wrong_type',
] as const;
export type SettingRefusalCode = (typeof SETTING_REFUSALS)[number];

/** Thrown inside a transaction to roll it back. */
export class SettingRefusalError extends Error {
  constructor(readonly code: SettingRefusalCode) {
    super(code);
  }
}

/** The pause target in the parameters; null unless exactly one of them is non-blank. */
export function pauseTarget(
  params: Partial<Record<PauseKind, string | null>>,
): { kind: PauseKind; name: string } | null {
  const present = PAUSE_KINDS.flatMap((kind) =>
    isBlankText(params[kind] ?? null) ? [] : [{ kind, name: params[kind] ?? '' }],
  );
  return present.length === 1 ? (present[0] ?? null) : null;
}

/**
 * Appends a name to its pause list unless it is there; creates a missing row or list
 * (`GoodJob::Setting.pause`). Returns whether anything changed; throws SettingRefusalError.
 */
export async function pause(
  tx: Tx,
  tables: GoodJobTables,
  kind: PauseKind,
  name: string,
): Promise<boolean> {
  return changeList(
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

/**
 * Removes every occurrence of a name from its pause list (`GoodJob::Setting.unpause`). Returns
 * whether anything changed; throws SettingRefusalError.
 */
export async function unpause(
  tx: Tx,
  tables: GoodJobTables,
  kind: PauseKind,
  name: string,
): Promise<boolean> {
  return changeList(
    tx,
    tables,
    'remove',
    { key: 'pauses', list: PAUSE_LISTS[kind], initial: null },
    name,
  );
}

/**
 * Appends a cron key to one list and removes it from the other (`GoodJob::Setting.cron_key_enable`,
 * `.cron_key_disable`). Returns whether anything changed; throws SettingRefusalError.
 */
export async function switchCronKey(
  tx: Tx,
  tables: GoodJobTables,
  key: string,
  to: 'enabled' | 'disabled',
): Promise<boolean> {
  // Enable and disable each write two rows that may not exist yet, so row locks cannot serialize
  // them.
  await tx.execute(
    sql`SELECT pg_advisory_xact_lock(hashtextextended('good_job_settings cron_keys', 0))`,
  );
  const other = to === 'enabled' ? 'disabled' : 'enabled';
  const removed = await changeList(
    tx,
    tables,
    'remove',
    { key: `cron_keys_${other}`, list: null, initial: null },
    key,
  );
  const added = await changeList(
    tx,
    tables,
    'append',
    { key: `cron_keys_${to}`, list: null, initial: '[]' },
    key,
  );
  return added || removed;
}

const pausesVersionRow = z.strictObject({ version: z.string() });

/**
 * Locks the setting `pauses` until the transaction ends. Returns its version, the `updated_at` that
 * GoodJob and the console renew with each change; null: nothing was ever paused.
 */
export async function lockPauses(tx: Tx, tables: GoodJobTables): Promise<string | null> {
  const [row] = await tx.query(
    pausesVersionRow,
    sql`
      SELECT s.updated_at AS version
        FROM ${tables.settings} s
       WHERE s.key = 'pauses'
         FOR UPDATE`,
  );
  return row?.version ?? null;
}

interface SettingLocation {
  /** The setting's key. */
  key: string;
  /** The list's key in the value; null if the value itself is the list. */
  list: string | null;
  /** The value of a missing row; null if it must not be created. */
  initial: string | null;
}

const storedSettingRow = z.strictObject({
  id: z.string(),
  /** The value is SQL NULL or a JSON null. */
  isNull: z.boolean(),
  /** The value has the type that GoodJob expects. */
  isReadable: z.boolean(),
  /** The list contains the name. */
  hasName: z.boolean(),
});
type StoredSetting = z.infer<typeof storedSettingRow>;

async function changeList(
  tx: Tx,
  tables: GoodJobTables,
  operation: 'append' | 'remove',
  place: SettingLocation,
  name: string,
): Promise<boolean> {
  if (isBlankText(name)) throw new SettingRefusalError('exactly_one');
  const stored =
    (await lockSetting(tx, tables, place, name)) ??
    (place.initial === null ? undefined : await insertSetting(tx, tables, place, name));
  // GoodJob ignores a removal from a null list, and raises on an append.
  if (!stored || (stored.isNull && operation === 'remove' && place.list === null)) return false;
  if (!stored.isReadable) throw new SettingRefusalError('setting_of_wrong_type');
  if (stored.hasName === (operation === 'append')) return false;
  const list = listSql(place);
  const next =
    operation === 'append'
      ? sql`coalesce(NULLIF(${list}, 'null'), '[]'::jsonb) || jsonb_build_array(${name}::text)`
      : sql`coalesce((
          SELECT jsonb_agg(e ORDER BY n)
            FROM jsonb_array_elements(${list}) WITH ORDINALITY t(e, n)
           WHERE e <> to_jsonb(${name}::text)), '[]'::jsonb)`;
  // Changed in SQL, so that other keys and the digits of numbers stay as stored.
  const value =
    place.list === null ? next : sql`s.value || jsonb_build_object(${place.list}::text, ${next})`;
  await tx.execute(sql`
    UPDATE ${tables.settings} s
       SET value = ${value}, updated_at = ${await clock(tx)}
     WHERE s.id = ${stored.id}`);
  return true;
}

const listSql = ({ list }: SettingLocation): Sql =>
  list === null ? sql`s.value` : sql`(s.value -> ${list}::text)`;

/** Locks the row and reads it. */
async function lockSetting(
  tx: Tx,
  tables: GoodJobTables,
  place: SettingLocation,
  name: string,
): Promise<StoredSetting | undefined> {
  const list = listSql(place);
  const isReadable =
    place.list === null
      ? sql`jsonb_typeof(s.value) = 'array'`
      : sql`jsonb_typeof(s.value) = 'object'
          AND coalesce(jsonb_typeof(${list}), 'null') IN ('array', 'null')`;
  const [stored] = await tx.query(
    storedSettingRow,
    sql`
      SELECT s.id,
             coalesce(jsonb_typeof(s.value), 'null') = 'null' AS "isNull",
             coalesce(${isReadable}, false) AS "isReadable",
             coalesce(jsonb_typeof(${list}) = 'array' AND ${list} ? ${name}::text, false)
               AS "hasName"
        FROM ${tables.settings} s
       WHERE s.key = ${place.key}
         FOR UPDATE`,
  );
  return stored;
}

/** Inserts the row unless a concurrent session did, then locks it. */
async function insertSetting(
  tx: Tx,
  tables: GoodJobTables,
  place: SettingLocation,
  name: string,
): Promise<StoredSetting | undefined> {
  const now = await clock(tx);
  await tx.execute(sql`
    INSERT INTO ${tables.settings} (key, value, created_at, updated_at)
    VALUES (${place.key}, ${place.initial}::jsonb, ${now}, ${now})
        ON CONFLICT DO NOTHING`);
  return lockSetting(tx, tables, place, name);
}

/** One list of the `pauses` setting as jsonb; `[]` if it is missing or not an array. */
const pauseListSql = (tables: GoodJobTables, key: string) => sql`
  coalesce((
    SELECT CASE jsonb_typeof(s.value -> ${key}) WHEN 'array' THEN s.value -> ${key} END
      FROM ${tables.settings} s
     WHERE s.key = 'pauses'), '[]'::jsonb)`;

const MAX_PAUSED_QUEUES = 2_000;

/** Whether the queue, class or a label of the job `j` is paused (`GoodJob::Setting.paused`). */
export function isPaused(tables: GoodJobTables): Sql {
  return sql`(${pauseListSql(tables, 'queues')} ? j.queue_name
    OR ${pauseListSql(tables, 'job_classes')} ? j.job_class
    OR (j.labels IS NOT NULL AND ${pauseListSql(tables, 'labels')} ?| j.labels))`;
}

/**
 * Selects every pause as `by` (queue, job_class, label) and `name`; names over MAX_NAME_BYTES are
 * omitted.
 */
export function pausedNames(tables: GoodJobTables): Sql {
  return sql`
    SELECT "by", name
      FROM (
        SELECT 'queue' AS "by",
               jsonb_array_elements_text(${pauseListSql(tables, 'queues')}) AS name
        UNION
        SELECT 'job_class', jsonb_array_elements_text(${pauseListSql(tables, 'job_classes')})
        UNION
        SELECT 'label', jsonb_array_elements_text(${pauseListSql(tables, 'labels')})) paused
     WHERE octet_length(name) <= ${MAX_NAME_BYTES}::int
     LIMIT 200`;
}

/** A pause that applies to a job, as stored. */
const appliedPauseRow = z.strictObject({ kind: z.enum(PAUSE_KINDS), name: z.string() });
const MAX_APPLIED_PAUSES = 5;

/**
 * The first pauses that apply to a job, by good_jobs_pkey; names over MAX_NAME_BYTES are omitted.
 */
export async function pausesOfJob(
  tx: Tx,
  tables: GoodJobTables,
  id: string,
): Promise<z.infer<typeof appliedPauseRow>[]> {
  return tx.query(
    appliedPauseRow,
    sql`
      SELECT p.kind, p.name
        FROM ${tables.jobs} j
       CROSS JOIN LATERAL (
         SELECT 'queue' AS kind, j.queue_name AS name, 1 AS position
          WHERE ${pauseListSql(tables, 'queues')} ? j.queue_name
         UNION ALL
         SELECT 'job_class', j.job_class, 2
          WHERE ${pauseListSql(tables, 'job_classes')} ? j.job_class
         UNION ALL
         SELECT DISTINCT 'label', l.label, 3
           FROM unnest(j.labels) l(label)
          WHERE ${pauseListSql(tables, 'labels')} ? l.label) p
       WHERE j.id = ${id}
         AND octet_length(p.name) <= ${MAX_NAME_BYTES}::int
       ORDER BY p.position, p.name
       LIMIT ${MAX_APPLIED_PAUSES}::int`,
  );
}

const pauseCountRow = z.strictObject({ count: z.number() });

/** The number of pauses of all kinds, at most the limit of `pausedNames`. */
export async function countPauses(tx: Tx, tables: GoodJobTables): Promise<number> {
  const [row] = await tx.query(
    pauseCountRow,
    sql`SELECT count(*)::int AS count FROM (${pausedNames(tables)}) p`,
  );
  return row?.count ?? 0;
}

const queueNameRow = z.strictObject({ name: z.string() });

/**
 * The names of at most MAX_PAUSED_QUEUES paused queues; entries of the setting that are not strings
 * are omitted.
 */
export async function pausedQueues(tx: Tx, tables: GoodJobTables): Promise<Set<string>> {
  const rows = await tx.query(
    queueNameRow,
    sql`
      SELECT e.value #>> '{}' AS name
        FROM jsonb_array_elements(${pauseListSql(tables, 'queues')}) e
       WHERE jsonb_typeof(e.value) = 'string'
         AND octet_length(e.value #>> '{}') <= ${MAX_NAME_BYTES}::int
       LIMIT ${MAX_PAUSED_QUEUES}`,
  );
  return new Set(rows.map(({ name }) => name));
}
