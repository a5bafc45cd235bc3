import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import {
  MAX_LATE,
  PAUSE_ENDS,
  type PauseTarget,
  readStoredEnds,
  settingVersions,
  type StoredEnd,
} from '../console-schema/pause-records';
import { auditedTransaction, type WriteTx } from '../context/audited-transaction';
import { type Ctx } from '../context/request-context';
import { ConsoleError } from '../core/errors';
import { expireAfterWrite } from '../core/process-state';
import { toUtc } from '../core/text';
import type { Tx } from '../db/database';
import { MAX_NAME_BYTES } from '../db/text-limit';
import { clock } from '../good-job/payload';
import { lockPauses, pause, pauseTarget, SettingRefusalError, unpause } from '../good-job/settings';
import { PAUSE_KINDS, type PauseKind } from '../good-job/types';
import {
  END_MINUTES,
  isEndPreset,
  type PauseEnd,
  type PauseOutcome,
  type PauseState,
} from './types';

type Target = NonNullable<ReturnType<typeof pauseTarget>>;

/**
 * Pauses or resumes one queue, class or label (`GoodJob::Setting.pause`, `.unpause`) in one
 * transaction with its audit record. `end`: when the pause ends by itself; null: it does not, even
 * if it was to end before. `names` with none or several of them is refused with `exactly_one`.
 * Throws ConsoleError `forbidden`, `read_only`, and `bad_request` for an end that cannot be stored.
 */
export async function changePause(
  ctx: Ctx,
  action: 'pause' | 'unpause',
  names: Partial<Record<PauseKind, string | null>>,
  end: PauseEnd | null = null,
): Promise<PauseOutcome> {
  const target = pauseTarget(names);
  if (!target) return { outcome: 'refused', code: 'exactly_one' };
  const { kind, name } = target;
  return outcomeOf(
    auditedTransaction(
      ctx,
      `pause.${action}`,
      async (tx) => {
        if (end !== null && !canEnd(ctx, name)) throw new ConsoleError('bad_request');
        const before = await lockPauses(tx, ctx.tables);
        const endsAt = end === null ? null : await endTime(tx, end);
        const outcome: PauseOutcome =
          end !== null && endsAt === null
            ? { outcome: 'refused', code: 'end_invalid' }
            : await applyChange(tx, ctx, action, target, endsAt);
        await tx.audit({
          targetType: kind,
          targetIds: [],
          targetName: name,
          counts: { [outcome.outcome === 'end_changed' ? 'done' : outcome.outcome]: 1 },
          details: {
            ...(endsAt === null ? {} : { ends_at: endsAt }),
            ...(outcome.outcome === 'end_changed' ? { already_paused: true } : {}),
            ...settingVersions(before, await lockPauses(tx, ctx.tables)),
          },
        });
        return outcome;
      },
      { targetType: kind, targetName: name },
    ),
  );
}

async function applyChange(
  tx: WriteTx,
  ctx: Ctx,
  action: 'pause' | 'unpause',
  target: Target,
  endsAt: string | null,
): Promise<PauseOutcome> {
  const { tables } = ctx;
  const before = await lockPauses(tx, tables);
  const change = action === 'pause' ? pause : unpause;
  const hasChanged = await change(tx, tables, target.kind, target.name);
  const version = (hasChanged ? await lockPauses(tx, tables) : before) ?? '';
  let previousEnd: string | null = null;
  if (ctx.pauseEnds === 'write') {
    previousEnd = await removeEnd(tx, target, before);
    await renewEnds(tx, before, version);
    if (endsAt !== null) await insertEnd(tx, target, { endsAt, viewer: ctx.viewer.id, version });
  }
  if (hasChanged)
    return { outcome: 'done', added: action === 'pause' ? { version, endsAt } : null };
  const keepsEnd = timeOf(previousEnd) === timeOf(endsAt) || action === 'unpause';
  return keepsEnd ? { outcome: 'unchanged' } : { outcome: 'end_changed', endsAt };
}

/**
 * Reverts a pause that an action of the console added, only while GoodJob's setting and the end
 * are as that action left them. Throws ConsoleError `forbidden` and `read_only`.
 */
export async function undoPause(
  ctx: Ctx,
  target: Target,
  state: PauseState,
): Promise<PauseOutcome> {
  const { kind, name } = target;
  return outcomeOf(
    auditedTransaction(
      ctx,
      'pause.undo',
      async (tx) => {
        const before = await lockPauses(tx, ctx.tables);
        const outcome = await applyUndo(tx, ctx, target, state);
        await tx.audit({
          targetType: kind,
          targetIds: [],
          targetName: name,
          counts: { [outcome.outcome]: 1 },
          details: settingVersions(before, await lockPauses(tx, ctx.tables)),
        });
        return outcome;
      },
      { targetType: kind, targetName: name },
    ),
  );
}

async function applyUndo(
  tx: WriteTx,
  { tables, pauseEnds }: Ctx,
  target: Target,
  state: PauseState,
): Promise<PauseOutcome> {
  const version = await lockPauses(tx, tables);
  if (version !== state.version) return { outcome: 'conflict' };
  const ends = pauseEnds === 'write' ? await readStoredEnds(tx, tables) : [];
  const end = ends.find(({ kind, name }) => kind === target.kind && name === target.name);
  if (timeOf(end?.endsAt) !== timeOf(state.endsAt)) return { outcome: 'conflict' };
  if (!(await unpause(tx, tables, target.kind, target.name))) return { outcome: 'conflict' };
  if (pauseEnds === 'write') {
    await removeEnd(tx, target, version);
    await renewEnds(tx, version, await lockPauses(tx, tables));
  }
  return { outcome: 'done', added: null };
}

const timeOf = (at: string | null | undefined) => (at ? Date.parse(at) : null);

async function outcomeOf(action: Promise<PauseOutcome>): Promise<PauseOutcome> {
  try {
    return await action;
  } catch (error) {
    if (error instanceof SettingRefusalError) return { outcome: 'refused', code: error.code };
    if (error instanceof ConsoleError && error.code === 'locked') return { outcome: 'locked' };
    throw error;
  }
}

/*
 * Timed pauses: GoodJob knows none, so the console stores the end and unpauses when it has come.
 * Every change locks GoodJob's setting first, and a row is valid only for the version of the
 * setting that its console saw: a change made elsewhere may be another pause of the same name.
 */

const MAX_END_DAYS = 366;

/** Whether a pause of this name can have an end. */
export const canEnd = (ctx: Ctx, name: string): boolean =>
  ctx.pauseEnds === 'write' && Buffer.byteLength(name) <= MAX_NAME_BYTES;

/** Returns the time of an end by the database's clock; null: it has passed or is too far away. */
async function endTime(tx: Tx, end: PauseEnd): Promise<string | null> {
  const now = Date.parse(await clock(tx));
  const at = isEndPreset(end) ? now + END_MINUTES[end] * 60_000 : Date.parse(toUtc(end));
  return at > now && at <= now + MAX_END_DAYS * 86_400_000 ? new Date(at).toISOString() : null;
}

const endRow = z.strictObject({ endsAt: z.string() });

/** Removes and returns the end of a pause; null for a pause without an end. Requires `lockPauses`. */
async function removeEnd(
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
async function insertEnd(
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
async function renewEnds(tx: Tx, before: string | null, after: string | null): Promise<void> {
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
