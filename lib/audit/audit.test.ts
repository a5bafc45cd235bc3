import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import {
  DISCARDED,
  SUCCEEDED,
  insertBatch,
  insertJob,
  serializedParams,
  readRow,
} from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { exportAudit } from '../audit-log/export';
import { parseAuditFilter } from '../audit-log/filters';
import { listAudit } from '../audit-log/queries';
import { retryBatch } from '../batches/mutations';
import { controlRun } from '../bulk/mutations';
import { grantsFor } from '../console-schema/setup';
import { auditedTransaction } from '../context/audited-transaction';
import { ConsoleError } from '../core/errors';
import type { Database } from '../db/database';
import { changeJobs } from '../jobs/mutations';
import {
  type AuditEvent,
  outcomeOf,
  printAudit,
  printRefusedByGateway,
  recordAudit,
} from './recorder';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('audit');
});
afterAll(() => testConsole.close());
afterEach(() => {
  vi.restoreAllMocks();
});

interface StoredEvent {
  action: string;
  outcome: string;
  before: Record<string, Record<string, unknown>> | null;
  after: Record<string, Record<string, unknown>> | null;
  [column: string]: unknown;
}
const events = async (id: string) =>
  (
    await testConsole.client.query<StoredEvent>(
      'SELECT * FROM good_job_console.audit_events WHERE $1 = ANY(target_ids) ORDER BY id',
      [id],
    )
  ).rows;
const lastEvent = async () =>
  (
    await testConsole.client.query<StoredEvent>(
      'SELECT * FROM good_job_console.audit_events ORDER BY id DESC LIMIT 1',
    )
  ).rows[0];
const spyOnLog = () => vi.spyOn(console, 'log').mockImplementation(() => undefined);
const auditLine = z.strictObject({ audit: z.record(z.string(), z.unknown()) });
const auditLines = (log: ReturnType<typeof spyOnLog>) =>
  log.mock.calls.map(([line]) => auditLine.parse(JSON.parse(String(line))).audit);

const EVENT: AuditEvent = {
  viewer: 'a',
  role: 'admin',
  requestId: 'r',
  action: 'job.retry',
  targetType: 'job',
  targetIds: [],
  counts: {},
  details: {},
};

test('stores the same outcome as the log line and updates it with the counts', async () => {
  const shapes: Partial<AuditEvent>[] = [
    {},
    { counts: { done: 2 } },
    { counts: { done: 1, locked: 1 } },
    { counts: { locked: 1, missing: 2 } },
    { counts: { refused: 1 } },
    { counts: { refused: 1, locked: 1 } },
    { error: 'database_down' },
    { error: 'forbidden', refused: true },
    { details: { bulk_run: 'x' } },
    { details: { bulk_run: 'x' }, counts: { done: 3 } },
  ];
  for (const shape of shapes) {
    const event = { ...EVENT, ...shape };
    const id = await testConsole.db.write((tx) => recordAudit(tx, event));
    const { rows } = await testConsole.client.query<StoredEvent>(
      'SELECT outcome FROM good_job_console.audit_events WHERE id = $1',
      [id],
    );
    expect(rows[0]?.outcome, JSON.stringify(shape)).toBe(outcomeOf(event));
    await testConsole.client.query(
      `UPDATE good_job_console.audit_events SET counts = '{"done": 1, "locked": 2}' WHERE id = $1`,
      [id],
    );
    expect((await lastEvent())?.outcome).toBe(
      outcomeOf({ ...event, counts: { done: 1, locked: 2 } }),
    );
  }
});

describe('refused actions', () => {
  test('records an action that the role does not permit, with viewer and reason', async () => {
    const id = await insertJob(testConsole.client, DISCARDED);
    await expect(
      changeJobs(testConsole.ctx({ role: 'viewer', reason: 'ticket 4711' }), 'retry', [id]),
    ).rejects.toMatchObject({ code: 'forbidden' });
    expect(await events(id)).toMatchObject([
      {
        viewer: 'tester',
        role: 'viewer',
        action: 'job.retry',
        outcome: 'refused',
        error: 'forbidden',
        counts: {},
        reason: 'ticket 4711',
        before: null,
        after: null,
      },
    ]);
    expect((await readRow(testConsole.client, 'good_jobs', id)).finished_at).not.toBeNull();
    const batch = await insertBatch(testConsole.client);
    await expect(retryBatch(testConsole.ctx({ role: 'viewer' }), batch)).rejects.toMatchObject({
      code: 'forbidden',
    });
    expect(await events(batch)).toMatchObject([
      { action: 'batch.retry', outcome: 'refused', target_type: 'batch' },
    ]);
  });

  test('prints a refused action under READ_ONLY without opening a transaction', async () => {
    const log = spyOnLog();
    const write = vi.fn(() => Promise.reject(new Error('A transaction was opened.')));
    const id = crypto.randomUUID();
    await expect(
      changeJobs(testConsole.ctx({ readOnly: true, db: { ...testConsole.db, write } }), 'destroy', [
        id,
      ]),
    ).rejects.toMatchObject({ code: 'read_only' });
    expect(write).not.toHaveBeenCalled();
    expect(auditLines(log)).toMatchObject([
      {
        viewer: 'tester',
        action: 'job.destroy',
        outcome: 'refused',
        error: 'read_only',
        targetIds: [id],
      },
    ]);
  });

  test('rejects an action without the required reason and stores a given reason', async () => {
    const id = await insertJob(testConsole.client, DISCARDED);
    await expect(
      changeJobs(testConsole.ctx({ reasonRequired: true }), 'retry', [id]),
    ).rejects.toMatchObject({ code: 'reason_required' });
    expect(await events(id)).toMatchObject([{ outcome: 'refused', error: 'reason_required' }]);
    await changeJobs(testConsole.ctx({ reasonRequired: true, reason: '顧客からの依頼' }), 'retry', [
      id,
    ]);
    expect((await events(id)).at(-1)).toMatchObject({ outcome: 'done', reason: '顧客からの依頼' });
    // Pausing a run needs no reason.
    expect(
      await controlRun(testConsole.ctx({ reasonRequired: true }), crypto.randomUUID(), 'pause'),
    ).toBe('missing');
  });
});

describe('failed actions', () => {
  test('records a rolled back action with its error code', async () => {
    const id = await insertJob(testConsole.client);
    const attempt = { targetType: 'job' as const, targetIds: [id] };
    const failing = (error: unknown) =>
      auditedTransaction(
        testConsole.ctx(),
        'job.discard',
        async (tx) => {
          await tx.audit({ ...attempt, counts: { done: 1 }, details: {} });
          throw error;
        },
        attempt,
      );
    await expect(failing(new Error('a bug'))).rejects.toThrow('a bug');
    await expect(failing(new ConsoleError('query_timeout'))).rejects.toMatchObject({
      code: 'query_timeout',
    });
    expect(await events(id)).toMatchObject([
      { outcome: 'failed', error: 'unexpected', counts: {} },
      { outcome: 'failed', error: 'query_timeout', counts: {} },
    ]);
  });

  test('prints a failure while the database is down, except for chunks of a bulk run', async () => {
    const log = spyOnLog();
    const unavailable: Database = {
      ...testConsole.db,
      write: () => Promise.reject(new ConsoleError('database_down')),
    };
    await expect(
      changeJobs(testConsole.ctx({ db: unavailable }), 'retry', [crypto.randomUUID()]),
    ).rejects.toMatchObject({ code: 'database_down' });
    await expect(
      auditedTransaction(
        testConsole.ctx({ db: unavailable }),
        'job.retry',
        () => Promise.resolve(),
        null,
      ),
    ).rejects.toMatchObject({ code: 'database_down' });
    expect(auditLines(log)).toMatchObject([
      { action: 'job.retry', outcome: 'failed', error: 'database_down' },
    ]);
  });
});

describe('recorded rows', () => {
  test('records the columns and the changed payload keys of a retry', async () => {
    const id = crypto.randomUUID();
    await insertJob(testConsole.client, {
      id,
      ...DISCARDED,
      serialized_params: serializedParams(id, {
        arguments: [{ password: 'hunter2' }],
        executions: 3,
      }),
    });
    await changeJobs(testConsole.ctx(), 'retry', [id]);
    const [event] = await events(id);
    expect(event?.before?.[id]).toMatchObject({
      error_event: 'unhandled',
      error: 'RuntimeError: boom',
      serialized_params: { executions: 3 },
    });
    expect(event?.before?.[id]?.finished_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(event?.after?.[id]).toMatchObject({
      error_event: 'retried',
      finished_at: null,
      performed_at: null,
      serialized_params: { executions: 4, provider_job_id: id },
    });
    expect(JSON.stringify(event)).not.toContain('arguments');
  });

  test('records the whole row of a destroy, redacted, bounded and with all digits', async () => {
    const id = crypto.randomUUID();
    const payload = serializedParams(id, {
      arguments: [
        {
          password: 'hunter2',
          note: 'x'.repeat(3_000),
        },
      ],
    }).replace('"executions":0', '"executions":12345678901234567890');
    await insertJob(testConsole.client, { id, ...SUCCEEDED, serialized_params: payload });
    await changeJobs(testConsole.ctx(), 'destroy', [id]);
    const { rows } = await testConsole.client.query<{ before: string; after: string | null }>(
      `SELECT before::text, after::text
         FROM good_job_console.audit_events
        WHERE $1 = ANY(target_ids)`,
      [id],
    );
    expect(rows[0]?.after).toBeNull();
    expect(rows[0]?.before).toContain(': 12345678901234567890,');
    expect(rows[0]?.before).toContain('[REDACTED]');
    expect(rows[0]?.before).not.toContain('hunter2');
    expect(rows[0]?.before.length).toBeLessThan(4_500);
  });

  test('redacts secrets of the arguments in all recorded columns', async () => {
    const log = spyOnLog();
    const secret = 'zq7kxw9vjt3m';
    const insert = (id: string, moreArguments: object = {}) =>
      insertJob(testConsole.client, {
        id,
        error: `Login: ${secret} was refused`,
        serialized_params: serializedParams(id, {
          job_class: 'EchoJob',
          arguments: [{ token: secret, ...moreArguments }],
        }),
      });
    const retriedId = crypto.randomUUID();
    const discardedId = crypto.randomUUID();
    const largeId = crypto.randomUUID();
    await insert(retriedId);
    await insert(discardedId);
    await insert(largeId, { noise: Array.from({ length: 8_000 }, () => crypto.randomUUID()) });
    await testConsole.client.query(`UPDATE good_jobs SET finished_at = now() WHERE id = ANY($1)`, [
      [retriedId, largeId],
    ]);
    await changeJobs(testConsole.ctx(), 'retry', [retriedId, largeId]);
    await changeJobs(testConsole.ctx(), 'discard', [discardedId]);
    const storedEvents = [...(await events(retriedId)), ...(await events(discardedId))];
    expect(storedEvents.map(({ action }) => action)).toEqual(['job.retry', 'job.discard']);
    expect(storedEvents[0]?.before?.[retriedId]?.error).toBe('Login: [REDACTED] was refused');
    expect(storedEvents[0]?.before?.[largeId]?.error).toBe('[REDACTED]');
    expect(JSON.stringify(storedEvents)).not.toContain(secret);
    expect(JSON.stringify(storedEvents)).not.toContain('without_arguments');
    const filter = parseAuditFilter(new URLSearchParams(), 'UTC');
    expect(JSON.stringify(await listAudit(testConsole.ctx(), filter))).not.toContain(secret);
    for (const format of ['csv', 'ndjson'] as const)
      for await (const part of exportAudit(testConsole.ctx(), filter, format))
        expect(part).not.toContain(secret);
    // Without the console's own schema the record is printed.
    const consoleWithoutSchema = await TestConsole.open('audit_printed', { consoleSchema: false });
    await insertJob(consoleWithoutSchema.client, {
      id: retriedId,
      ...DISCARDED,
      error: `Login: ${secret} was refused`,
      serialized_params: serializedParams(retriedId, { arguments: [{ token: secret }] }),
    });
    await changeJobs(consoleWithoutSchema.ctx(), 'retry', [retriedId]);
    await consoleWithoutSchema.close();
    expect(auditLines(log)).toMatchObject([{ action: 'job.retry', outcome: 'done' }]);
    expect(JSON.stringify(log.mock.calls)).not.toContain(secret);
  });

  test('records only changed rows, and only counts for more than 25 rows', async () => {
    const discardedId = await insertJob(testConsole.client, DISCARDED);
    const queuedId = await insertJob(testConsole.client);
    await changeJobs(testConsole.ctx(), 'retry', [discardedId, queuedId]);
    const [event] = await events(discardedId);
    expect(Object.keys(event?.before ?? {})).toEqual([discardedId]);
    expect(Object.keys(event?.after ?? {})).toEqual([discardedId]);
    const many = await Promise.all(
      Array.from({ length: 26 }, () => insertJob(testConsole.client, DISCARDED)),
    );
    await changeJobs(testConsole.ctx(), 'retry', many);
    expect(await events(many[0] ?? '')).toMatchObject([
      { counts: { done: 26 }, before: null, after: null },
    ]);
  });

  test('records the row of a retried batch', async () => {
    const at = new Date().toISOString();
    const batch = await insertBatch(testConsole.client, {
      finished_at: at,
      jobs_finished_at: at,
      discarded_at: at,
    });
    await insertJob(testConsole.client, { batch_id: batch, ...DISCARDED });
    await retryBatch(testConsole.ctx(), batch);
    const [event] = await events(batch);
    expect(event).toMatchObject({
      outcome: 'done',
      after: { [batch]: { finished_at: null, jobs_finished_at: null, discarded_at: null } },
    });
    expect(event?.before?.[batch]?.finished_at).not.toBeNull();
    await retryBatch(testConsole.ctx(), crypto.randomUUID());
    expect(await lastEvent()).toMatchObject({
      action: 'batch.retry',
      outcome: 'unchanged',
      counts: { missing: 1 },
    });
  });
});

test('lets the granted role insert records and update counts but nothing else', async () => {
  const role = `gjc_${crypto.randomUUID().slice(0, 8)}`;
  const owner = await testConsole.session();
  await owner.query(
    `CREATE ROLE ${role} LOGIN PASSWORD 'secret'; ${grantsFor('public', role).record.join('\n')}`,
  );
  const login = new URL(testConsole.url);
  login.username = role;
  login.password = 'secret';
  const client = new pg.Client({ connectionString: login.href });
  await client.connect();
  try {
    const columns = 'viewer, role, request_id, action, target_type, target_ids, counts, details';
    const { rows } = await client.query<{ id: string }>(
      `INSERT INTO good_job_console.audit_events (${columns})
       VALUES ('a', 'b', 'c', 'd', 'job', '{}', '{}', '{}')
       RETURNING id`,
    );
    await client.query(
      `UPDATE good_job_console.audit_events SET counts = '{"locked": 1}' WHERE id = $1`,
      [rows[0]?.id],
    );
    expect(await lastEvent()).toMatchObject({ outcome: 'unchanged' });
    const protectedColumns = await owner.query<{ name: string }>(
      `SELECT attname AS name
         FROM pg_attribute
        WHERE attrelid = 'good_job_console.audit_events'::regclass
          AND attnum > 0
          AND attname NOT IN ('id', 'counts')
          AND attgenerated = ''`,
    );
    for (const { name } of protectedColumns.rows)
      await expect(
        client.query(`UPDATE good_job_console.audit_events SET ${name} = ${name}`),
        name,
      ).rejects.toMatchObject({ code: '42501' });
    for (const statement of [
      'DELETE FROM good_job_console.audit_events',
      'TRUNCATE good_job_console.audit_events',
      'DROP TABLE good_job_console.audit_events',
      'ALTER TABLE good_job_console.audit_events DROP COLUMN reason',
    ])
      await expect(client.query(statement), statement).rejects.toMatchObject({ code: '42501' });
  } finally {
    await client.end();
    await owner.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});

describe('printAudit and printRefusedByGateway', () => {
  test('prints one JSON object per line and keeps the digits of rows', () => {
    const log = spyOnLog();
    printAudit({ ...EVENT, before: '{"x":{"n":12345678901234567890}}', after: null });
    expect(log.mock.calls[0]?.[0]).toContain('"before":{"x":{"n":12345678901234567890}}');
    expect(auditLines(log)).toMatchObject([{ viewer: 'a', outcome: 'done', action: 'job.retry' }]);
  });

  test('escapes control characters, line separators and bidirectional controls', () => {
    const log = spyOnLog();
    const reason = 'a\r\n{"audit":1}\u001b[2J\u009b2J\u007f\u2028\u202e\u{e0041}b 請求';
    printAudit({ ...EVENT, reason });
    printRefusedByGateway(
      { requestId: 'r', error: 'bad_url', status: 400, method: 'GET', path: '/\u009b2J' },
      1,
    );
    for (const [line] of log.mock.calls as [string][])
      expect(line).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
    expect(auditLines(log)).toMatchObject([{ reason }, { path: '/\u009b2J' }]);
  });

  test('prints at most 300 unauthenticated requests per minute, without their queries', () => {
    const log = spyOnLog();
    const request = {
      requestId: 'r',
      error: 'foreign_origin',
      status: 403,
      method: 'POST',
      path: '/jobs?token=secret',
    };
    for (let n = 0; n < 340; n += 1) printRefusedByGateway(request, 1_000_000);
    printRefusedByGateway(request, 1_070_000);
    const lines = auditLines(log);
    expect(lines[0]).toMatchObject({
      action: 'door',
      outcome: 'refused',
      error: 'foreign_origin',
      status: 403,
      path: '/jobs',
      viewer: null,
    });
    expect(lines).toHaveLength(302);
    expect(lines[300]).toMatchObject({ action: 'door', notPrinted: 40, of: 'strangers' });
  });

  test('prints at most 60 requests per minute of one viewer without a role', () => {
    const log = spyOnLog();
    const request = { requestId: 'r', error: 'no_role', status: 403, method: 'GET', path: '/jobs' };
    for (let n = 0; n < 1_000; n += 1)
      printRefusedByGateway({ ...request, viewer: 'repeating' }, 2_000_000);
    printRefusedByGateway({ ...request, viewer: 'other' }, 2_000_001);
    printRefusedByGateway({ ...request, viewer: 'repeating' }, 2_070_000);
    const lines = auditLines(log);
    expect(lines).toHaveLength(63);
    expect(lines[60]).toMatchObject({ viewer: 'other', error: 'no_role' });
    expect(lines[61]).toMatchObject({ notPrinted: 940, of: 'recognised' });
    // Unauthenticated requests do not use up the limit of authenticated viewers.
    for (let n = 0; n < 400; n += 1) printRefusedByGateway(request, 1_080_000);
    log.mockClear();
    printRefusedByGateway({ ...request, viewer: 'mallory', error: 'no_role' }, 1_080_000);
    expect(auditLines(log)).toMatchObject([{ viewer: 'mallory', error: 'no_role' }]);
  });
});
