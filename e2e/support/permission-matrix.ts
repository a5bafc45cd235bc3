import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { Permission } from '../../lib/auth/roles';
import { type BulkAction, permissionOf } from '../../lib/bulk/types';
import { DISCARD_ERRORS } from '../../lib/good-job/actions';
import type { JobAction, UndoableAction } from '../../lib/good-job/types';
import {
  DISCARDED,
  RUNNING,
  SUCCEEDED,
  insertBatch,
  insertExecution,
  insertJob,
  insertProcess,
} from '../../test/harness/rows';

/*
 * The permission of each Server Action, route and page. permission-matrix.spec.ts fails for one
 * that is missing here.
 */

interface ActionCase {
  name: string;
  /** Required permission; null for a read that every role may do. */
  permission: Permission | null;
  /** Changes nothing except the audit log. */
  isReadOnly?: true;
  /** Inserts the rows that the action would change and returns the call. */
  prepare(db: pg.Client): Promise<ActionCall>;
}
/**
 * `args` of a page with JavaScript, `form` fields of a page without; `stateForm` for an action that
 * takes the form state first.
 */
export type ActionCall =
  { args: unknown[] } | { form: Record<string, string> } | { stateForm: Record<string, string> };

interface RouteCase {
  /** A URL of the route with an existing id. */
  path(rows: Rows): string;
  /** Needs no sign-in. */
  isPublic?: true;
  /** Required permission in addition to a role. */
  permission?: Permission;
  /** HTTP status; default 200. */
  status?: number;
}

/** Ids and names of the inserted rows. */
export interface Rows {
  job: string;
  execution: string;
  batch: string;
  run: string;
  process: string;
  cronKey: string;
  jobClass: string;
}

export async function insertRows(db: pg.Client): Promise<Rows> {
  const batch = await insertBatch(db);
  const job = await insertJob(db, {
    batch_id: batch,
    ...DISCARDED,
    cron_key: 'nightly',
    cron_at: '2026-11-20T10:00:00Z',
  });
  const execution = await insertExecution(db, job, { serialized_params: '{}' });
  return {
    batch,
    job,
    execution,
    run: await insertRun(db, 'retry', 'finished'),
    process: await insertProcess(db),
    cronKey: 'nightly',
    jobClass: 'TestJob',
  };
}

async function insertRun(db: pg.Client, action: BulkAction, state: string): Promise<string> {
  const id = randomUUID();
  await db.query(
    `INSERT INTO good_job_console.bulk_runs
       (id, viewer, role, request_id, action, target, filter, cut_off_at, cut_off_txid, expected,
        expected_kind, state, collected, lease_owner, lease_expires_at)
     VALUES
       ($1, 'tester', 'admin', 'test', $2, 'filter', 'state=discarded', now(), 1, 0,
        'exact', $3, true, gen_random_uuid(), now() + interval '1 hour')`,
    [id, action, state],
  );
  return id;
}

const STATE_FOR: Record<JobAction, Record<string, unknown>> = {
  reschedule: {},
  discard: {},
  force_discard: {},
  retry: DISCARDED,
  destroy: SUCCEEDED,
};
const perAction = <Action extends string>(
  actions: Record<Action, unknown>,
  make: (action: Action) => ActionCase,
) => (Object.keys(actions) as Action[]).map(make);

const jobActions = (call: (action: JobAction, id: string) => ActionCall) =>
  perAction(STATE_FOR, (action) => ({
    name: action,
    permission: `job.${action}`,
    prepare: async (db) => call(action, await insertJob(db, STATE_FOR[action])),
  }));

async function discardedBatch(db: pg.Client): Promise<string> {
  const batch = await insertBatch(db, { discarded_at: '2026-11-20T10:00:00Z' });
  await insertJob(db, { batch_id: batch, ...DISCARDED });
  return batch;
}

const BULK_TARGETS: Record<BulkAction, (db: pg.Client) => Promise<object>> = {
  retry: async (db) => ({ kind: 'ids', ids: [await insertJob(db, DISCARDED)] }),
  reschedule: async (db) => ({ kind: 'ids', ids: [await insertJob(db)] }),
  discard: async (db) => ({ kind: 'ids', ids: [await insertJob(db)] }),
  destroy: async (db) => ({ kind: 'ids', ids: [await insertJob(db, SUCCEEDED)] }),
  batch_retry: async (db) => ({ kind: 'batch', batchId: await discardedBatch(db) }),
};

async function snapshotNow(db: pg.Client): Promise<{ at: string; txid: string }> {
  const { rows } = await db.query<{ at: string; txid: string }>(
    `SELECT to_char(clock_timestamp(), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at,
        txid_snapshot_xmax(txid_current_snapshot())::text AS txid`,
  );
  return rows[0] ?? { at: '', txid: '' };
}

const setSetting = (db: pg.Client, key: string, value: unknown) =>
  db.query(
    `INSERT INTO good_job_settings (created_at, updated_at, key, value)
      VALUES (now(), now(), $1, $2)
      ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
    [key, JSON.stringify(value)],
  );

const pauses = (call: (fields: Record<string, string>) => ActionCall) =>
  perAction({ pause: null, unpause: null }, (action) => ({
    name: action,
    permission: `pause.${action}`,
    prepare: async (db) => {
      const name = randomUUID();
      if (action === 'unpause') await setPausedQueue(db, name);
      return call({ action, kind: 'queue', name });
    },
  }));

/** Pauses one queue only. Ends of earlier pauses are deleted: the server would drop them later. */
async function setPausedQueue(db: pg.Client, name: string): Promise<void> {
  await setSetting(db, 'pauses', { queues: [name], job_classes: [], labels: [] });
  await db.query('DELETE FROM good_job_console.pause_ends');
}

/** Pauses a new queue that ends at `endsAt`; returns its name and the setting's version. */
async function pauseQueue(
  db: pg.Client,
  endsAt: string | null,
): Promise<{ name: string; version: string }> {
  const name = randomUUID();
  await setPausedQueue(db, name);
  const { rows: settings } = await db.query<{ version: string }>(
    `SELECT to_char(updated_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS version
       FROM good_job_settings
      WHERE key = 'pauses'`,
  );
  const version = settings[0]?.version ?? '';
  if (endsAt !== null)
    await db.query(
      `INSERT INTO good_job_console.pause_ends (kind, name, ends_at, setting_version, viewer)
       VALUES ('queue', $1, $2, $3, 'tester')`,
      [name, endsAt, version],
    );
  return { name, version };
}

const cronKeys = (call: (fields: Record<string, string>) => ActionCall) =>
  perAction({ enable: null, disable: null, enqueue: null }, (action) => ({
    name: action,
    permission: `cron.${action}`,
    prepare: async (db) => {
      const key = randomUUID();
      await insertJob(db, { ...SUCCEEDED, cron_key: key, cron_at: '2026-11-20T10:00:00Z' });
      if (action === 'enable') await setSetting(db, 'cron_keys_disabled', [key]);
      return call({ action, key });
    },
  }));

const repairs = (
  call: (fields: { repair: string; ids?: string[]; by?: string; name?: string }) => ActionCall,
): ActionCase[] => [
  {
    name: 'check_batches',
    permission: 'batch.check',
    prepare: async (db) => call({ repair: 'check_batches', ids: [await insertBatch(db)] }),
  },
  {
    name: 'release_jobs',
    permission: 'job.release',
    prepare: async (db) =>
      call({
        repair: 'release_jobs',
        ids: [
          await insertJob(db, {
            ...RUNNING,
            locked_by_id: randomUUID(),
            locked_at: new Date().toISOString(),
            lock_type: 1,
          }),
        ],
      }),
  },
  {
    name: 'unpause',
    permission: 'pause.unpause',
    prepare: async (db) => {
      const name = randomUUID();
      await setPausedQueue(db, name);
      return call({ repair: 'unpause', by: 'queue', name });
    },
  },
  {
    name: 'drop_end',
    permission: 'pause.drop_end',
    prepare: async (db) => {
      const { name } = await pauseQueue(db, '2099-01-01T00:00:00Z');
      return call({ repair: 'drop_end', by: 'queue', name });
    },
  },
];

/** Inserts a job as its reschedule or discard has left it, and the audit record of that action. */
async function undoableJob(db: pg.Client, action: UndoableAction) {
  const id = await insertJob(
    db,
    action === 'discard'
      ? { ...SUCCEEDED, error: DISCARD_ERRORS.discard, error_event: 5 }
      : { scheduled_at: '2031-01-01T00:00:00Z' },
  );
  const oldValues =
    action === 'discard'
      ? { error: null, error_event: null }
      : { scheduled_at: '2030-01-01 00:00:00+00' };
  const { rows } = await db.query<{ id: string }>(
    `INSERT INTO good_job_console.audit_events (
            viewer, role, request_id, action, target_type, target_ids, counts, details)
     SELECT 'tester', 'operator', 'test', $2, 'job', ARRAY[j.id], '{"done": 1}',
            jsonb_build_object('undo', jsonb_build_array(
              $3::jsonb || jsonb_build_object('id', j.id, 'version', j.xmin::text)))
       FROM good_jobs j
      WHERE j.id = $1
     RETURNING id::text`,
    [id, `job.${action}`, JSON.stringify(oldValues)],
  );
  return { id, undoId: rows[0]?.id ?? '' };
}

const undos = (
  call: (fields: { action: UndoableAction; id: string; undoId: string }) => ActionCall,
) =>
  perAction({ reschedule: null, discard: null }, (action) => ({
    name: `undo of ${action}`,
    permission: `job.undo_${action}`,
    prepare: async (db) => call({ action, ...(await undoableJob(db, action)) }),
  }));

const BULK_CONTROLS: Record<'pause' | 'cancel', null> = { pause: null, cancel: null };

/** Actions by file and exported name. */
export const ACTIONS: Record<string, ActionCase[]> = {
  'lib/jobs/actions.ts#changeJob': jobActions((action, id) => ({ args: [{ action, id }] })),
  'lib/jobs/actions.ts#submitJobAction': jobActions((action, id) => ({ form: { action, id } })),
  'lib/jobs/actions.ts#undoJob': undos((fields) => ({ args: [fields] })),
  'lib/jobs/actions.ts#submitJobUndo': undos(({ undoId, ...form }) => ({
    form: { ...form, undo_id: undoId },
  })),
  'lib/jobs/actions.ts#revealAction': [
    {
      name: 'reveal',
      permission: 'argument.reveal',
      isReadOnly: true,
      prepare: async (db) => ({
        stateForm: { job: await insertJob(db), execution: '', reason: 'an incident' },
      }),
    },
  ],
  'lib/pauses/actions.ts#changePauses': pauses((fields) => ({ args: [fields] })),
  'lib/pauses/actions.ts#submitPause': pauses((form) => ({ form })),
  'lib/pauses/actions.ts#undoPauseAction': [
    {
      name: 'undo',
      permission: 'pause.undo',
      prepare: async (db) => {
        const { name, version } = await pauseQueue(db, null);
        return { args: [{ kind: 'queue', name, version, endsAt: null }] };
      },
    },
  ],
  'lib/cron/actions.ts#changeCron': cronKeys((fields) => ({ args: [fields] })),
  'lib/cron/actions.ts#submitCron': cronKeys((form) => ({ form })),
  'lib/attention/actions.ts#repairFinding': repairs((fields) => ({ args: [fields] })),
  'lib/attention/actions.ts#submitRepair': repairs(({ repair, ids, by = '', name = '' }) => ({
    form: { repair, ...(ids ? { id: ids[0] ?? '' } : { by, name }) },
  })),
  'lib/bulk/actions.ts#previewBulkAction': perAction(BULK_TARGETS, (action) => ({
    name: action,
    permission: permissionOf(action),
    isReadOnly: true,
    prepare: async (db) => ({ args: [{ action, target: await BULK_TARGETS[action](db) }] }),
  })),
  'lib/bulk/actions.ts#startBulkAction': perAction(BULK_TARGETS, (action) => ({
    name: action,
    permission: permissionOf(action),
    prepare: async (db) => {
      const target = await BULK_TARGETS[action](db);
      return {
        args: [
          {
            action,
            target,
            scheduledAt: null,
            cutOff: await snapshotNow(db),
            expected: { kind: 'exact', count: 1 },
            confirmedCount: null,
          },
        ],
      };
    },
  })),
  'lib/bulk/actions.ts#controlBulkAction': perAction(BULK_CONTROLS, (control) => ({
    name: control,
    permission: 'job.retry',
    prepare: async (db) => ({ args: [{ id: await insertRun(db, 'retry', 'running'), control }] }),
  })),
  'lib/bulk/actions.ts#submitBulkControl': perAction(BULK_CONTROLS, (control) => ({
    name: `${control} of a deletion`,
    permission: 'job.destroy',
    prepare: async (db) => ({ form: { id: await insertRun(db, 'destroy', 'running'), control } }),
  })),
  'lib/bulk/actions.ts#retryBatchAction': [
    {
      name: 'retry',
      permission: 'batch.retry',
      prepare: async (db) => ({ args: [{ id: await discardedBatch(db) }] }),
    },
  ],
  'lib/bulk/actions.ts#submitBatchRetry': [
    {
      name: 'retry',
      permission: 'batch.retry',
      prepare: async (db) => ({ form: { id: await discardedBatch(db) } }),
    },
  ],
};

const page = (path: string): RouteCase => ({ path: () => path });

/** Pages and GET endpoints by pattern. */
export const ROUTES: Record<string, RouteCase> = {
  '/': page('/'),
  '/[...path]': { path: () => '/no/such/page', status: 404 },
  '/jobs': page('/jobs'),
  '/jobs/[id]': { path: ({ job }) => `/jobs/${job}` },
  '/jobs/[id]/[action]': { path: ({ job }) => `/jobs/${job}/retry` },
  '/batches': page('/batches'),
  '/batches/[id]': { path: ({ batch }) => `/batches/${batch}` },
  '/batches/[id]/retry': { path: ({ batch }) => `/batches/${batch}/retry` },
  '/bulk': page('/bulk'),
  '/bulk/[id]': { path: ({ run }) => `/bulk/${run}` },
  '/jobs/[id]/reveal': { path: ({ job }) => `/jobs/${job}/reveal` },
  '/attention': page('/attention'),
  '/attention/repair': page('/attention/repair?repair=check_batches'),
  '/api/attention': page('/api/attention'),
  '/audit': page('/audit'),
  '/cron_entries': page('/cron_entries'),
  '/cron_entries/[key]': { path: ({ cronKey }) => `/cron_entries/${encodeURIComponent(cronKey)}` },
  '/cron_entries/[key]/[action]': {
    path: ({ cronKey }) => `/cron_entries/${encodeURIComponent(cronKey)}/disable`,
  },
  '/pauses': page('/pauses'),
  '/pauses/[action]': {
    path: ({ jobClass }) => `/pauses/pause?type=job_class&value=${encodeURIComponent(jobClass)}`,
  },
  '/queues': page('/queues'),
  '/processes': page('/processes'),
  '/cleaner': page('/cleaner'),
  '/performance': page('/performance'),
  '/performance/[class]': {
    path: ({ jobClass }) => `/performance/${encodeURIComponent(jobClass)}`,
  },
  '/api/navigation': page('/api/navigation'),
  '/api/overview': page('/api/overview'),
  '/api/cron_entries': page('/api/cron_entries'),
  '/api/cron_entries/[key]': {
    path: ({ cronKey }) => `/api/cron_entries/${encodeURIComponent(cronKey)}`,
  },
  '/api/pauses': page('/api/pauses'),
  '/api/pauses/preview': page('/api/pauses/preview?kind=queue&value=default'),
  '/api/pauses/values': page('/api/pauses/values?kind=queue&typed=def'),
  '/api/queues': page('/api/queues'),
  '/api/processes': page('/api/processes'),
  '/api/processes/[id]/raw': { path: (rows) => `/api/processes/${rows.process}/raw` },
  '/api/audit': page('/api/audit'),
  '/api/audit/export': page('/api/audit/export?format=csv'),
  '/api/jobs': page('/api/jobs'),
  '/api/jobs/[id]': { path: ({ job }) => `/api/jobs/${job}` },
  '/api/jobs/[id]/version': { path: ({ job }) => `/api/jobs/${job}/version` },
  '/api/jobs/[id]/warnings': { path: ({ job }) => `/api/jobs/${job}/warnings` },
  '/api/jobs/[id]/raw': { path: ({ job }) => `/api/jobs/${job}/raw` },
  '/api/jobs/[id]/download': { path: ({ job }) => `/api/jobs/${job}/download`, status: 405 },
  '/api/jobs/counts': page('/api/jobs/counts'),
  '/api/jobs/chart': page('/api/jobs/chart'),
  '/api/jobs/completion': page('/api/jobs/completion?text=cla'),
  '/api/palette': page('/api/palette?text=tes'),
  '/api/jobs/export': page('/api/jobs/export?format=csv'),
  '/api/executions/[id]/raw': { path: ({ execution }) => `/api/executions/${execution}/raw` },
  '/api/batches': page('/api/batches'),
  '/api/batches/[id]/jobs': { path: ({ batch }) => `/api/batches/${batch}/jobs` },
  '/api/batches/[id]/callback-jobs': { path: ({ batch }) => `/api/batches/${batch}/callback-jobs` },
  '/api/batches/[id]/status': { path: ({ batch }) => `/api/batches/${batch}/status` },
  '/api/batches/[id]/timeline': { path: ({ batch }) => `/api/batches/${batch}/timeline` },
  '/api/bulk': page('/api/bulk'),
  '/api/bulk/[id]': { path: ({ run }) => `/api/bulk/${run}` },
  '/healthz': { path: () => '/healthz', isPublic: true },
  '/readyz': { path: () => '/readyz', isPublic: true },
  '/icon.svg': { path: () => '/icon.svg', isPublic: true },
};

interface GatewayRoute {
  path: string;
  /** HTTP status without a session in a console without a sign-in. */
  withoutSession: number;
}

/**
 * Endpoints of the gateway without a sign-in, which are not part of the build; `/metrics` has its
 * own rule.
 */
export const GATEWAY_ROUTES: GatewayRoute[] = [{ path: '/auth/start', withoutSession: 200 }];
