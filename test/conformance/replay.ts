import type pg from 'pg';
import { retryBatch } from '../../lib/batches/mutations';
import { previewBulk } from '../../lib/bulk/preview';
import { workOn } from '../../lib/bulk/runner';
import { getRun, listSamples } from '../../lib/bulk/runs';
import { startBulk } from '../../lib/bulk/start';
import { BULK_ACTIONS, type BulkAction, type BulkTarget } from '../../lib/bulk/types';
import type { Ctx } from '../../lib/context/types';
import { isUuid } from '../../lib/core/text';
import { changeCronKey } from '../../lib/cron/mutations';
import { changeJobs } from '../../lib/jobs/mutations';
import { changePause } from '../../lib/pauses/mutations';
import { TestConsole, lockKey } from '../harness/test-console';
import type { Observation } from './compare';
import { type Columns, loadRows, readColumns, readRows } from './load';
import { README_APP, type RecordedApp } from './recorded-app';
import type { SettingCall } from './setting-situation';
import { type Situation, isJobAction } from './situation';
import { type Rows, microseconds, shifted, shiftedRows } from './vector';

const END = 'end of the action';

/** One database, and the sessions that are needed to replay vectors on it one after the other. */
export class Stage {
  private readonly received: string[] = [];
  private ended: (() => void) | undefined;

  private constructor(
    private readonly console: TestConsole,
    private readonly rows: pg.Client,
    private readonly listener: pg.Client,
    private readonly holder: pg.Client,
    private readonly columns: Columns,
    /** What the console is told of the recording's app. */
    readonly app: RecordedApp,
    private readonly contexts: Record<Situation['dequeueQuerySort'], Ctx>,
  ) {
    listener.on('notification', ({ payload = '' }) =>
      payload === END ? this.ended?.() : this.received.push(payload),
    );
  }

  static async open(name: string, app: RecordedApp = README_APP): Promise<Stage> {
    const console = await TestConsole.open(name);
    const listener = await console.session();
    await listener.query('LISTEN good_job');
    const context = (dequeueQuerySort: Situation['dequeueQuerySort']) =>
      console.ctx({ app: { ...app, dequeueQuerySort } });
    const contexts = { created_at: context('created_at'), scheduled_at: context('scheduled_at') };
    return new Stage(
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

  /** Begins with these rows, which were like this at `recordedAt`, and carries out what the vector asks of the console. */
  async replay(start: Rows, recordedAt: string, situation: Situation): Promise<Observation> {
    const shift = (await this.clock()) - microseconds(recordedAt);
    await loadRows(this.rows, shiftedRows(start, shift));
    await this.hold(situation);
    this.received.length = 0;
    const from = await this.clock();
    const outcomes = await this.act(situation, shift);
    const to = await this.clock();
    await this.holder.query('SELECT pg_advisory_unlock_all()');
    await this.allNotifications();
    return {
      rows: await readRows(this.rows, this.columns),
      outcomes,
      notifications: [...this.received],
      shift,
      from,
      to,
    };
  }

  private async clock(): Promise<bigint> {
    const { rows } = await this.rows.query<{ now: string }>(
      `SELECT to_char(clock_timestamp(), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS now`,
    );
    return microseconds(rows[0]?.now ?? '');
  }

  private async hold({ heldJobs, heldProcesses }: Situation): Promise<void> {
    const keys = [
      ...heldJobs.map((id) => lockKey('good_jobs', id)),
      ...heldProcesses.map((id) => lockKey('good_job_processes', id)),
    ];
    for (const key of keys) await this.holder.query(`SELECT pg_advisory_lock(${key})`);
  }

  private async act(
    { action, ids, scheduledAt, dequeueQuerySort, bulk, setting, unknownBulk }: Situation,
    shift: bigint,
  ): Promise<Record<string, string>> {
    const ctx = this.contexts[dequeueQuerySort];
    // The door of bulk actions takes no other names than these.
    if (unknownBulk !== null)
      return {
        [ids[0] ?? '']: (BULK_ACTIONS as readonly string[]).includes(unknownBulk)
          ? 'done'
          : 'refused',
      };
    // Nor do pages and actions take an id that can be none.
    if (!setting && !bulk && !ids.every(isUuid))
      return Object.fromEntries(ids.map((id) => [id, 'missing']));
    if (setting) return { [ids[0] ?? '']: await this.set(ctx, setting, shift) };
    if (!isJobAction(action)) throw new Error(`${action} without what it is asked to do.`);
    if (bulk && action !== 'batch_retry' && action !== 'force_discard')
      return this.run(
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
        scheduledAt === null ? {} : { scheduledAt: shifted(scheduledAt, shift) },
      );
      return Object.fromEntries(outcomes.map(({ id, outcome }) => [id, outcome]));
    }
    const results = await Promise.all(
      ids.map(async (id) => [id, (await retryBatch(ctx, id)).outcome] as const),
    );
    return Object.fromEntries(results);
  }

  /** What was so already is done to GoodJob, which tells no difference. */
  private async set(ctx: Ctx, call: SettingCall, shift: bigint): Promise<string> {
    const { outcome } =
      'given' in call
        ? await changePause(ctx, call.action, call.given)
        : await changeCronKey(
            ctx,
            call.action,
            call.key,
            call.file,
            call.cronAt === null ? undefined : shifted(call.cronAt, shift),
          );
    return outcome === 'unchanged' ? 'done' : outcome;
  }

  /** A bulk run to its end. It keeps the ids of what was not done; done is the rest, and as many as it says. */
  private async run(
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
    await workOn(started.runId)?.ended;
    const run = await getRun(ctx, started.runId);
    const notDone = new Map(
      (await listSamples(ctx, started.runId)).map(({ jobId, outcome }) => [jobId, outcome]),
    );
    const done = ids.filter((id) => !notDone.has(id));
    if (run?.state !== 'finished' || (run.counts.done ?? 0) !== done.length)
      throw new Error(
        `The run is ${run?.state} and says ${JSON.stringify(run?.counts)}; ${done.length} of ${ids.length} jobs should be done.`,
      );
    return Object.fromEntries([...done.map((id) => [id, 'done']), ...notDone]) as Record<
      string,
      string
    >;
  }

  /** Notifications arrive in the order of the commits: after our own, none of the action's is outstanding. */
  private async allNotifications(): Promise<void> {
    const arrived = new Promise<void>((resolve) => (this.ended = resolve));
    await this.listener.query(`SELECT pg_notify('good_job', $1)`, [END]);
    await arrived;
  }
}
