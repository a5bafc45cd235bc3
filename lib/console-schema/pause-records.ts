import sql, { join, raw } from 'sql-template-tag';
import { z } from 'zod';
import { AUDIT_EVENTS, CONSOLE_SCHEMA } from '../audit/recorder';
import type { PauseRecord } from '../audit/types';
import { escapeBidi } from '../core/text';
import type { Tx } from '../db/database';
import { isLargeJson } from '../db/text-limit';
import { PAUSE_LISTS } from '../good-job/settings';
import type { GoodJobTables } from '../good-job/tables';
import { PAUSE_KINDS, type PauseKind } from '../good-job/types';
import { redactName } from '../redaction/redaction';
import type { DetectedConsoleSchema } from './setup';

/** The ends of timed pauses; each row belongs to one version of GoodJob's setting `pauses`. */
export const PAUSE_ENDS = raw(`"${CONSOLE_SCHEMA}"."pause_ends"`);

export interface PauseTarget {
  kind: PauseKind;
  name: string;
}

/** How late an end may be executed. A later one needs an operator, who may expect the pause. */
export const MAX_LATE = raw(`interval '1 hour'`);
/** Timed pauses to read. */
const MAX_ENDS = 200;
const MAX_TEXT_LENGTH = 2_000;

const storedEndRow = z.strictObject({
  kind: z.enum(PAUSE_KINDS),
  name: z.string(),
  endsAt: z.string(),
  viewer: z.string(),
  storedVersion: z.string(),
  /** The version of GoodJob's setting; null: nothing was ever paused. */
  version: z.string().nullable(),
  isListed: z.boolean(),
  isDue: z.boolean(),
  isLate: z.boolean(),
});
export interface StoredEnd extends PauseTarget {
  /** ISO 8601 UTC. */
  endsAt: string;
  /** Who set the timed pause. */
  viewer: string;
  /**
   * The name is no longer paused, or the setting was changed outside the console, so that the pause
   * may be another one.
   */
  isOutdated: boolean;
  /** The end has come, by the database's clock. */
  isDue: boolean;
  /** It came more than an hour ago. */
  isLate: boolean;
}

/** Reads at most MAX_ENDS timed pauses, the earliest end first (`pause_ends_ends_at`). */
export async function readStoredEnds(tx: Tx, tables: GoodJobTables): Promise<StoredEnd[]> {
  const list = sql`s.value -> CASE e.kind
    WHEN 'queue' THEN ${PAUSE_LISTS.queue}::text
    WHEN 'job_class' THEN ${PAUSE_LISTS.job_class}::text
    ELSE ${PAUSE_LISTS.label}::text END`;
  const rows = await tx.query(
    storedEndRow,
    sql`
      SELECT e.kind, e.name, e.ends_at AS "endsAt",
             left(e.viewer, ${MAX_TEXT_LENGTH}::int) AS viewer,
             e.setting_version AS "storedVersion", s.updated_at AS version,
             coalesce(jsonb_typeof(${list}) = 'array' AND (${list}) ? e.name, false) AS "isListed",
             e.ends_at <= clock_timestamp() AS "isDue",
             e.ends_at <= clock_timestamp() - ${MAX_LATE} AS "isLate"
        FROM (SELECT * FROM ${PAUSE_ENDS} ORDER BY ends_at LIMIT ${MAX_ENDS}) e
        LEFT JOIN (
          SELECT s.updated_at, CASE WHEN NOT s.is_large THEN s.value END AS value
            FROM (SELECT s.updated_at, s.value, ${isLargeJson(sql`s.value`)} AS is_large
                    FROM ${tables.settings} s
                   WHERE s.key = 'pauses'
                  OFFSET 0) s) s ON true
       ORDER BY e.ends_at`,
  );
  return rows.map(({ storedVersion, version, isListed, ...end }) => ({
    ...end,
    isOutdated: !isListed || storedVersion !== version,
  }));
}

/** The actions that change GoodJob's setting `pauses`. */
const PAUSE_ACTIONS = ['pause.pause', 'pause.unpause', 'pause.undo', 'pause.expire'] as const;

const originRow = z.strictObject({
  n: z.number(),
  viewer: z.string(),
  viewerName: z.string().nullable(),
  at: z.string(),
  reason: z.string().nullable(),
});

/**
 * Returns what the console's own schema stores about each pause, in the same order: who set it,
 * by the newest record of the audit about its name (`audit_events_target_name`), and its end.
 */
export async function readPauseRecords(
  tx: Tx,
  schema: Pick<DetectedConsoleSchema, 'consoleSchema' | 'pauseEnds'> & { tables: GoodJobTables },
  pauses: readonly PauseTarget[],
): Promise<PauseRecord[]> {
  if (pauses.length === 0) return [];
  const origins = schema.consoleSchema ? await readOrigins(tx, pauses) : [];
  const certainSince = origins.length > 0 ? await readCertainSince(tx, schema.tables) : null;
  const ends = schema.pauseEnds === 'none' ? [] : await readStoredEnds(tx, schema.tables);
  const originOf = new Map(origins.map(({ n, ...origin }) => [n, origin]));
  return pauses.map(({ kind, name }, n) => {
    const origin = originOf.get(n);
    const end = ends.find((candidate) => candidate.kind === kind && candidate.name === name);
    const noOrigin = schema.consoleSchema && redactName(name) === name ? null : undefined;
    return {
      origin: origin
        ? {
            ...origin,
            viewer: escapeBidi(origin.viewer),
            viewerName: origin.viewerName && escapeBidi(origin.viewerName),
            reason: origin.reason && escapeBidi(redactName(origin.reason)),
            mayBeReplaced: certainSince === null || origin.at < certainSince,
          }
        : noOrigin,
      endsAt: end && !end.isOutdated ? end.endsAt : null,
    };
  });
}

async function readOrigins(
  tx: Tx,
  pauses: readonly PauseTarget[],
): Promise<z.infer<typeof originRow>[]> {
  const kinds = pauses.map(({ kind }) => kind);
  // The audit stores redacted names, and several names may become one.
  const names = pauses.map(({ name }) => (redactName(name) === name ? name : null));
  return tx.query(
    originRow,
    sql`
      SELECT (p.ord - 1)::int AS n, e.viewer, e.viewer_name AS "viewerName", e.at, e.reason
        FROM unnest(${kinds}::text[], ${names}::text[]) WITH ORDINALITY p(kind, name, ord)
       CROSS JOIN LATERAL (
         SELECT left(e.viewer, ${MAX_TEXT_LENGTH}::int) AS viewer,
                left(e.viewer_name, ${MAX_TEXT_LENGTH}::int) AS viewer_name,
                left(e.reason, ${MAX_TEXT_LENGTH}::int) AS reason,
                e.created_at AS at,
                e.action
           FROM ${AUDIT_EVENTS} e
          WHERE e.target_name = p.name
            AND e.target_type = p.kind
            AND e.action = ANY(${[...PAUSE_ACTIONS]}::text[])
            AND e.outcome = 'done'
            AND NOT jsonb_exists(e.details, 'already_paused')
          ORDER BY e.created_at DESC, e.id DESC
          LIMIT 1
       ) e
       WHERE e.action = 'pause.pause'`,
  );
}

/** The newest records of each action to follow. */
const MAX_RECORDS = 100;

/**
 * The versions of GoodJob's setting before and after a change, for the audit record: they show
 * whether the console has made all changes since.
 */
export const settingVersions = (before: string | null, after: string | null) =>
  before === after ? {} : { setting: { before, after } };

const changeRow = z.strictObject({
  at: z.string(),
  before: z.string().nullable(),
  after: z.string().nullable(),
  version: z.string(),
});

/**
 * Returns the time since when the console has made every change of the setting, by its records;
 * null: something else has made the last one.
 */
async function readCertainSince(tx: Tx, tables: GoodJobTables): Promise<string | null> {
  const newest = PAUSE_ACTIONS.map(
    (action) => sql`
      (SELECT e.created_at, e.details
         FROM ${AUDIT_EVENTS} e
        WHERE e.action = ${action}
          AND jsonb_exists(e.details, 'setting')
        ORDER BY e.created_at DESC, e.id DESC
        LIMIT ${MAX_RECORDS})`,
  );
  const changes = await tx.query(
    changeRow,
    sql`
      SELECT e.created_at AS at,
             e.details #>> '{setting,before}' AS before,
             e.details #>> '{setting,after}' AS after,
             s.updated_at AS version
        FROM (${join(newest, ' UNION ALL ')}) e
       CROSS JOIN ${tables.settings} s
       WHERE s.key = 'pauses'
       ORDER BY e.created_at DESC`,
  );
  let certainSince: string | null = null;
  let expected = changes[0]?.version ?? null;
  for (const { at, before, after } of changes) {
    if (after === null || after !== expected) break;
    certainSince = at;
    expected = before;
  }
  return certainSince;
}
