import type pg from 'pg';
import { retryBatch } from '../../lib/batches/mutations';
import { startBulk } from '../../lib/bulk/mutations';
import { previewBulk } from '../../lib/bulk/preview';
import { getActiveRun } from '../../lib/bulk/runner';
import { getRun, listSamples } from '../../lib/bulk/runs';
import { BULK_ACTIONS, type BulkAction, type BulkTarget } from '../../lib/bulk/types';
import type { Ctx } from '../../lib/context/request-context';
import { isUuid } from '../../lib/core/text';
import { changeCronKey } from '../../lib/cron/mutations';
import { changeJobs, undoChange } from '../../lib/jobs/mutations';
import { changePause } from '../../lib/pauses/mutations';
import { TestConsole, lockKey } from '../harness/test-console';
import type { Observation } from './compare';
import { type Columns, loadRows, readColumns, readRows } from './load';
import { README_APP, type RecordedApp } from './recorded-app';
import type { SettingCall } from './setting-situation';
import { type Situation, isJobAction } from './situation';
import type { Change, UndoVector } from './undo-vectors';
import { type Rows, isTimeColumn, microseconds, shiftRows, shiftTime } from './vector';

const END = 'end of the action';

/** A database with its sessions, on which vectors are replayed one after the other. */
export class ReplayDatabase {
  private readonly received: string[] = [];
  private onEnd: (() => void) | undefined;

  private constructor(
    private readonly console: TestConsole,
    private readonly rows: pg.Client,
    private readonly listener: pg.Client,
    private readonly holder: pg.Client,
    private readonly columns: Columns,
    /** The settings of the recording's app. */
    readonly app: RecordedApp,
    private readonly contexts: Record<Situation['dequeueQuerySort'], Ctx>,
  ) {
    listener.on('notification', ({ payload = '' }) =>
      payload === END ? this.onEnd?.() : this.received.push(payload),
    );
  }

  /** Creates a database named after `name`. */
  static async open(name: string, app: RecordedApp = README_APP): Promise<ReplayDatabase> {
    const console = await TestConsole.open(name);
    const listener = await console.session();
    await listener.query('LISTEN good_job');
    const context = (dequeueQuerySort: Situation['dequeueQuerySort']) =>
      console.ctx({ app: { ...app, dequeueQuerySort } });
    const contexts = { created_at: context('created_at'), scheduled_at: context('scheduled_at') };
    return new ReplayDatabase(
      console,
      console.client,
      listener,
      await console.session(),
      await readColumns(console.client),
      app,
      contexts,
    );
  }

  close(): Promise<void> {
    return this.console.close();
  }

  /** Loads the rows, which were recorded at `recordedAt`, and runs the console's action on them. */
  async replay(start: Rows, recordedAt: string, situation: Situation): Promise<Observation> {
    const shift = (await this.clock()) - microseconds(recordedAt);
    await loadRows(this.rows, shiftRows(start, shift));
    await this.lockForOtherSession(situation);
    this.received.length = 0;
    const from = await this.clock();
    const outcomes = await this.runAction(situation, shift);
    const to = await this.clock();
    await this.holder.query('SELECT pg_advisory_unlock_all()');
    await this.waitForNotifications();
    return {
      rows: await readRows(this.rows, this.columns),
      outcomes,
      notifications: [...this.received],
      shift,
      from,
      to,
    };
  }

  /** Loads the rows, runs the action and the changes of another session, and undoes the action. */
  async replayUndo(vector: UndoVector): Promise<Observation & { code?: string }> {
    const { target, act, changes = [] } = vector;
    const from = await this.clock();
    const shift = from - microseconds(vector.now_before);
    await loadRows(this.rows, shiftRows(vector.before, shift));
    const ctx = this.contexts.created_at;
    const action = vector.action === 'undo_discard' ? 'discard' : 'reschedule';
    const time = act?.scheduled_at;
    await changeJobs(ctx, action, [target], time ? { scheduledAt: shiftTime(time, shift) } : {});
    for (const change of changes) await this.applyChange(change, shift);
    for (const id of vector.held_advisory_locks ?? [])
      await this.holder.query(`SELECT pg_advisory_lock(${lockKey('good_jobs', id)})`);
    await this.waitForNotifications();
    this.received.length = 0;
    const { rows: records } = await this.rows.query<{ id: string }>(
      'SELECT max(id)::text AS id FROM good_job_console.audit_events',
    );
    const [outcome] = await undoChange(ctx, action, [target], records[0]?.id ?? '');
    const to = await this.clock();
    await this.holder.query('SELECT pg_advisory_unlock_all()');
    await this.waitForNotifications();
    return {
      rows: await readRows(this.rows, this.columns),
      outcomes: { [target]: outcome?.outcome ?? '' },
      notifications: [...this.received],
      shift,
      from,
      to,
      code: outcome?.outcome === 'refused' ? outcome.code : undefined,
    };
  }

  private async applyChange(change: Change, shift: bigint): Promise<void> {
    if (change.delete) {
      await this.rows.query(`DELETE FROM ${change.table} WHERE id = $1`, [change.id]);
      return;
    }
    for (const [column, value] of Object.entries(change.set))
      await this.rows.query(`UPDATE ${change.table} SET ${column} = $2 WHERE id = $1`, [
        change.id,
        isTimeColumn(column) ? shiftTime(String(value), shift) : String(value),
      ]);
  }

  private async clock(): Promise<bigint> {
    const { rows } = await this.rows.query<{ now: string }>(
      `SELECT to_char(clock_timestamp(), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS now`,
    );
    return microseconds(rows[0]?.now ?? '');
  }

  private async lockForOtherSession({ heldJobs, heldProcesses }: Situation): Promise<void> {
    const keys = [
      ...heldJobs.map((id) => lockKey('good_jobs', id)),
      ...heldProcesses.map((id) => lockKey('good_job_processes', id)),
    ];
    for (const key of keys) await this.holder.query(`SELECT pg_advisory_lock(${key})`);
  }

  private async runAction(
    { action, ids, scheduledAt, dequeueQuerySort, bulk, setting, unknownBulk }: Situation,
    shift: bigint,
  ): Promise<Record<string, string>> {
    const ctx = this.contexts[dequeueQuerySort];
    // The bulk endpoint accepts only these actions.
    if (unknownBulk !== null)
      return {
        [ids[0] ?? '']: (BULK_ACTIONS as readonly string[]).includes(unknownBulk)
          ? 'done'
          : 'refused',
      };
    // Pages and actions accept only UUIDs.
    if (!setting && !bulk && !ids.every(isUuid))
      return Object.fromEntries(ids.map((id) => [id, 'missing']));
    if (setting) return { [ids[0] ?? '']: await this.changeSetting(ctx, setting, shift) };
    if (!isJobAction(action)) throw new Error(`The vector has no call for ${action}.`);
    if (bulk && action !== 'batch_retry' && action !== 'force_discard')
      return this.runBulk(
        ctx,
        action,
        bulk.by === 'ids'
          ? { kind: 'ids', ids }
          : { kind: 'filter', query: bulk.query, batchId: null },
        ids,
      );
    if (action !== 'batch_retry') {
      const outcomes = await changeJobs(
        ctx,
        action,
        ids,
        scheduledAt === null ? {} : { scheduledAt: shiftTime(scheduledAt, shift) },
      );
      return Object.fromEntries(outcomes.map(({ id, outcome }) => [id, outcome]));
    }
    const results = await Promise.all(
      ids.map(async (id) => [id, (await retryBatch(ctx, id)).outcome] as const),
    );
    return Object.fromEntries(results);
  }

  /** Maps `unchanged` to `done`, because GoodJob does not distinguish them. */
  private async changeSetting(ctx: Ctx, call: SettingCall, shift: bigint): Promise<string> {
    const { outcome } =
      'target' in call
        ? await changePause(ctx, call.action, call.target)
        : await changeCronKey(
            ctx,
            call.action,
            call.key,
            call.file,
            call.cronAt === null ? undefined : shiftTime(call.cronAt, shift),
          );
    return outcome === 'unchanged' ? 'done' : outcome;
  }

  /** Completes a bulk run; the outcome of every job without a sample is `done`. */
  private async runBulk(
    ctx: Ctx,
    action: BulkAction,
    target: BulkTarget,
    ids: string[],
  ): Promise<Record<string, string>> {
    const { cutOff, total } = await previewBulk(ctx, action, target);
    const started = await startBulk(ctx, {
      action,
      target,
      scheduledAt: null,
      cutOff,
      expected: total,
      confirmedCount: null,
    });
    if (started.kind !== 'started') throw new Error(`The run was not started: ${started.kind}.`);
    await getActiveRun(started.runId)?.ended;
    const run = await getRun(ctx, started.runId);
    const notDone = new Map(
      (await listSamples(ctx, started.runId)).map(({ jobId, outcome }) => [jobId, outcome]),
    );
    const done = ids.filter((id) => !notDone.has(id));
    if (run?.state !== 'finished' || (run.counts.done ?? 0) !== done.length)
      throw new Error(
        `The run is ${run?.state} with ${JSON.stringify(run?.counts)}, ` +
          `but ${done.length} of ${ids.length} jobs should be done.`,
      );
    return Object.fromEntries([...done.map((id) => [id, 'done']), ...notDone]) as Record<
      string,
      string
    >;
  }

  /** Notifications arrive in commit order, so this one arrives after those of the action. */
  private async waitForNotifications(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.onEnd = resolve;
    });
    await this.listener.query(`SELECT pg_notify('good_job', $1)`, [END]);
    await ended;
  }
}
