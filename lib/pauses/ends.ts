import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import {
  MAX_LATE,
  PAUSE_ENDS,
  type PauseTarget,
  type StoredEnd,
  readStoredEnds,
  settingVersions,
} from '../console-schema/pause-records';
import { type WriteTx, auditedTransaction } from '../context/audited-transaction';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import { expireAfterWrite } from '../core/process-cache';
import { toUtc } from '../core/text';
import type { Tx } from '../db/database';
import { MAX_NAME_BYTES } from '../db/text-limit';
import { clock } from '../good-job/notify';
import { SettingRefusalError, lockPauses, unpause } from '../good-job/settings';
import { PAUSE_KINDS } from '../good-job/types';
import { END_MINUTES, type PauseEnd, isEndPreset } from './types';

/*
 * Timed pauses: GoodJob knows none, so the console stores the end and unpauses when it has come.
 * Every change locks GoodJob's setting first, and a row is valid only for the version of the
 * setting that its console saw: a change made elsewhere may be another pause of the same name.
 */

const MAX_DAYS = 366;

/** Whether a pause of this name can have an end. */
export const canEnd = (ctx: Ctx, name: string): boolean =>
  ctx.pauseEnds === 'write' && Buffer.byteLength(name) <= MAX_NAME_BYTES;

/** Returns the time of an end by the database's clock; null: it has passed or is too far away. */
export async function endTime(tx: Tx, end: PauseEnd): Promise<string | null> {
  const now = Date.parse(await clock(tx));
  const at = isEndPreset(end) ? now + END_MINUTES[end] * 60_000 : Date.parse(toUtc(end));
  return at > now && at <= now + MAX_DAYS * 86_400_000 ? new Date(at).toISOString() : null;
}

const endRow = z.strictObject({ endsAt: z.string() });

/** Removes the end of a pause; returns it, or null if there is none. Requires `lockPauses`. */
export async function removeEnd(
  tx: Tx,
  { kind, name }: PauseTarget,
  version: string | null,
): Promise<string | null> {
  const [row] = await tx.query(
    endRow.extend({ isCurrent: z.boolean() }),
    sql`
      DELETE FROM ${PAUSE_ENDS} e
       WHERE e.kind = ${kind} AND e.name = ${name}
      RETURNING e.ends_at AS "endsAt",
                e.setting_version IS NOT DISTINCT FROM ${version}::text AS "isCurrent"`,
  );
  return row?.isCurrent ? row.endsAt : null;
}

/** Stores the end of a pause that has none. Requires `lockPauses`. */
export async function insertEnd(
  tx: Tx,
  { kind, name }: PauseTarget,
  { endsAt, viewer, version }: { endsAt: string; viewer: string; version: string },
): Promise<void> {
  await tx.execute(sql`
    INSERT INTO ${PAUSE_ENDS} (kind, name, ends_at, setting_version, viewer)
    VALUES (${kind}, ${name}, ${endsAt}, ${version}, ${viewer})`);
}

/**
 * Keeps the other ends valid after the console's own change of the setting. Ends of an older
 * version stay outdated. Requires `lockPauses`.
 */
export async function renewEnds(
  tx: Tx,
  before: string | null,
  after: string | null,
): Promise<void> {
  if (before === null || after === null || before === after) return;
  await tx.execute(sql`
    UPDATE ${PAUSE_ENDS}
       SET setting_version = ${after}
     WHERE setting_version = ${before}`);
}

/** The lease under which one server ends a pause, as for bulk runs. */
interface Lease {
  /** The id of this server. */
  server: string;
  /** The end of a lease that starts now. */
  until: Sql;
}

const targetRow = z.strictObject({ kind: z.enum(PAUSE_KINDS), name: z.string() });

/**
 * Drops the ends of pauses that no longer exist or may have been replaced elsewhere, and ends the
 * pauses whose time has come, unless they are more than an hour late. Does nothing on a read-only
 * server. `ctx` is a server's own context. Returns the pauses that this call has ended.
 */
export async function endDuePauses(ctx: Ctx, lease: Lease): Promise<PauseTarget[]> {
  if (ctx.readOnly || ctx.pauseEnds !== 'write') return [];
  const ends = await ctx.db.read((tx) => readStoredEnds(tx, ctx.tables));
  if (ends.some(({ isOutdated }) => isOutdated)) await dropOutdatedEnds(ctx);
  if (!ends.some(isExecutable)) return [];
  const ended: PauseTarget[] = [];
  for (const target of await claimDueEnds(ctx, lease))
    if (await endPause(ctx, target, lease.server)) ended.push(target);
  if (ended.length > 0) expireAfterWrite(ctx.tables.schema.identity);
  return ended;
}

const isExecutable = ({ isOutdated, isDue, isLate }: StoredEnd) => !isOutdated && isDue && !isLate;

async function dropOutdatedEnds(ctx: Ctx): Promise<void> {
  await auditedTransaction(
    ctx,
    'pause.drop_end',
    async (tx) => {
      await lockPauses(tx, ctx.tables);
      for (const end of await readStoredEnds(tx, ctx.tables))
        if (end.isOutdated) await dropOutdatedEnd(tx, end);
    },
    null,
  );
}

async function dropOutdatedEnd(tx: WriteTx, end: StoredEnd): Promise<void> {
  await removeEnd(tx, end, null);
  await tx.audit({
    targetType: end.kind,
    targetIds: [],
    targetName: end.name,
    counts: { done: 1 },
    details: { cause: 'changed_elsewhere', set_by: end.viewer, ends_at: end.endsAt },
  });
}

/** Takes the lease of every end that has come and that no other server executes. */
async function claimDueEnds(ctx: Ctx, { server, until }: Lease): Promise<PauseTarget[]> {
  return auditedTransaction(
    ctx,
    'pause.unpause',
    (tx) =>
      tx.query(
        targetRow,
        sql`
          UPDATE ${PAUSE_ENDS} e
             SET lease_owner = ${server}, lease_expires_at = ${until}
           WHERE e.ends_at <= clock_timestamp()
             AND e.ends_at > clock_timestamp() - ${MAX_LATE}
             AND (e.lease_owner = ${server}
                  OR coalesce(e.lease_expires_at < clock_timestamp(), true))
          RETURNING e.kind, e.name`,
      ),
    null,
  );
}

const leaseRow = z.strictObject({ hasLease: z.boolean() });

/** Unpauses and removes the end in one transaction; false if anything has changed since. */
async function endPause(ctx: Ctx, target: PauseTarget, server: string): Promise<boolean> {
  const { kind, name } = target;
  try {
    return await auditedTransaction(
      ctx,
      'pause.unpause',
      async (tx) => {
        const before = await lockPauses(tx, ctx.tables);
        const [row] = await tx.query(
          leaseRow,
          sql`
            SELECT e.lease_owner IS NOT DISTINCT FROM ${server}::uuid AS "hasLease"
              FROM ${PAUSE_ENDS} e
             WHERE e.kind = ${kind} AND e.name = ${name}
               FOR UPDATE`,
        );
        const end = (await readStoredEnds(tx, ctx.tables)).find(
          (stored) => stored.kind === kind && stored.name === name,
        );
        if (!row?.hasLease || !end || !isExecutable(end)) return false;
        await unpause(tx, ctx.tables, kind, name);
        await removeEnd(tx, target, before);
        const after = await lockPauses(tx, ctx.tables);
        await renewEnds(tx, before, after);
        await tx.audit({
          action: 'pause.expire',
          targetType: kind,
          targetIds: [],
          targetName: name,
          counts: { done: 1 },
          details: {
            set_by: end.viewer,
            ends_at: end.endsAt,
            ...settingVersions(before, after),
          },
        });
        return true;
      },
      null,
    );
  } catch (error) {
    // The next poll tries again; an hour later /attention reports the end.
    if (error instanceof SettingRefusalError) return false;
    if (error instanceof ConsoleError && error.code === 'locked') return false;
    throw error;
  }
}

/**
 * Removes the end of a pause, which then stays until it is unpaused. Returns false if it has none.
 * Throws ConsoleError `forbidden`, `read_only` and `locked`.
 */
export async function dropEnd(ctx: Ctx, target: PauseTarget): Promise<boolean> {
  const { kind, name } = target;
  return auditedTransaction(
    ctx,
    'pause.drop_end',
    async (tx) => {
      const version = await lockPauses(tx, ctx.tables);
      const endsAt = ctx.pauseEnds === 'write' ? await removeEnd(tx, target, version) : null;
      await tx.audit({
        targetType: kind,
        targetIds: [],
        targetName: name,
        counts: { [endsAt === null ? 'unchanged' : 'done']: 1 },
        details: endsAt === null ? {} : { ends_at: endsAt },
      });
      return endsAt !== null;
    },
    { targetType: kind, targetName: name },
  );
}
