import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { DISCARDED, SUCCEEDED, insertJob, serializedParams } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { exportAudit } from '../audit-log/export';
import { parseAuditFilter } from '../audit-log/filters';
import { listAudit, readChanges } from '../audit-log/queries';
import { TextBudget } from '../core/steps';
import { createTx } from '../db/database';
import { changeJobs } from '../jobs/mutations';
import { changesOf, readJobs } from './snapshot';
import { MAX_COLUMN_BYTES, MAX_SNAPSHOT_BYTES, NOT_RECORDED } from './types';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('audit_snapshot');
});
afterAll(() => testConsole.close());

const SECRET = 'zq7kxw9vjt3m';

interface Row extends Record<string, unknown> {
  serialized_params?: Record<string, unknown>;
}

/** Returns the recorded rows of an action on a job. */
async function recordOf(id: string) {
  const { rows } = await testConsole.client.query<{
    before: Record<string, Row | string> | null;
    after: Record<string, Row | string> | null;
  }>('SELECT before, after FROM good_job_console.audit_events WHERE $1 = ANY(target_ids)', [id]);
  return { before: rows[0]?.before?.[id] as Row, after: rows[0]?.after?.[id] as Row };
}

async function insert(
  payload: Record<string, unknown>,
  row: Record<string, unknown> = DISCARDED,
): Promise<string> {
  const id = crypto.randomUUID();
  return insertJob(testConsole.client, {
    id,
    ...row,
    serialized_params: serializedParams(id, payload),
  });
}

/** Reads a snapshot of jobs and counts the bytes of the rows that Postgres returns. */
async function snapshotOf(ids: string[]) {
  let bytes = 0;
  const snapshot = await testConsole.db.read((tx) => {
    const countingTx = createTx(async (statement) => {
      const rows = await tx.query(z.looseObject({}), statement);
      bytes += JSON.stringify(rows).length;
      return rows;
    });
    return readJobs(countingTx, testConsole.ctx().tables, ids);
  });
  return { snapshot, bytes };
}

test('records a column of exactly 4 kB but not of one byte more', async () => {
  const error = (bytes: number) => 'word '.repeat(bytes / 5).padEnd(bytes, '.');
  const fits = await insert({}, { ...DISCARDED, error: error(MAX_COLUMN_BYTES) });
  const large = await insert({}, { ...DISCARDED, error: error(MAX_COLUMN_BYTES + 1) });
  await changeJobs(testConsole.ctx(), 'destroy', [fits]);
  await changeJobs(testConsole.ctx(), 'destroy', [large]);
  expect((await recordOf(fits)).before.error).toBe(error(MAX_COLUMN_BYTES));
  expect((await recordOf(large)).before.error).toBe(NOT_RECORDED);
});

test('omits arguments that are too large and redacts their secrets elsewhere', async () => {
  const id = await insert(
    { arguments: [{ note: 'a'.repeat(200_000), password: SECRET }], note: `before ${SECRET}` },
    { ...SUCCEEDED, error: `Login: ${SECRET} was refused`, queue_name: `q-${SECRET}` },
  );
  await changeJobs(testConsole.ctx(), 'destroy', [id]);
  const { before } = await recordOf(id);
  expect(before.serialized_params?.arguments).toBe(NOT_RECORDED);
  expect(before.serialized_params?.executions).toBe(0);
  expect(before.error).toBe('[REDACTED]');
  expect(JSON.stringify(before)).not.toContain(SECRET);
});

test('redacts a secret beyond the size limit of an error in the other columns', async () => {
  const error = `${'a '.repeat(3_000)} password=${SECRET}`;
  const id = await insert({ note: `see ${SECRET}` }, { ...DISCARDED, error, queue_name: SECRET });
  await changeJobs(testConsole.ctx(), 'destroy', [id]);
  const { before } = await recordOf(id);
  expect(before.error).toBe(NOT_RECORDED);
  expect(before.queue_name).toBe('[REDACTED]');
  expect(JSON.stringify(before)).not.toContain(SECRET);
});

test('marks a payload with a large stored size as not recorded', async () => {
  const id = await insert({ arguments: [{ password: SECRET, note: noise(300_000) }] });
  await changeJobs(testConsole.ctx(), 'retry', [id]);
  const { before, after } = await recordOf(id);
  expect(before.serialized_params).toBe(NOT_RECORDED);
  expect(after.error_event).toBe('retried');
  const [change] = readChanges(JSON.stringify({ [id]: before }), JSON.stringify({ [id]: after }));
  expect(change?.fields.find(({ name }) => name === 'serialized_params')).toEqual({
    name: 'serialized_params',
    before: NOT_RECORDED,
    after: NOT_RECORDED,
  });
});

test('reads only a few kB of a job with a hostile argument of 1.8 MB', async () => {
  const id = await insert({ arguments: [`")=`.repeat(600_000)] });
  const { bytes } = await snapshotOf([id]);
  expect(bytes).toBeLessThan(2 * MAX_COLUMN_BYTES);
  await changeJobs(testConsole.ctx(), 'retry', [id]);
  const { after } = await recordOf(id);
  expect(after.serialized_params?.executions).toBe(1);
  expect(after.serialized_params?.provider_job_id).toBe(id);
});

test('records at most 256 kB for 25 rows and marks the others as too large', async () => {
  const ids = await Promise.all(
    Array.from({ length: 25 }, () =>
      insert(
        { arguments: [noise(3_900)], note: noise(3_500) },
        { ...DISCARDED, error: `Broken: ${'word '.repeat(700)}`, queue_name: 'q'.repeat(3_900) },
      ),
    ),
  );
  const { bytes } = await snapshotOf(ids);
  expect(bytes).toBeLessThan(MAX_SNAPSHOT_BYTES / 2 + 25 * 1_000);
  await changeJobs(testConsole.ctx(), 'retry', ids);
  const { rows } = await testConsole.client.query<{
    before: Record<string, unknown>;
    bytes: number;
  }>(
    `SELECT before, octet_length(before::text) + octet_length(after::text) AS bytes
       FROM good_job_console.audit_events WHERE $1 = ANY(target_ids)`,
    [ids[0]],
  );
  expect(rows[0]?.bytes).toBeLessThanOrEqual(MAX_SNAPSHOT_BYTES);
  const recorded = Object.values(rows[0]?.before ?? {});
  expect(recorded).toHaveLength(25);
  expect(recorded.filter((row) => row === NOT_RECORDED).length).toBeGreaterThan(0);
  expect(recorded.filter((row) => row !== NOT_RECORDED).length).toBeGreaterThan(0);
});

test('marks rows that cannot be redacted within the time limit as too large', async () => {
  const ids = [await insert({}), await insert({})].sort();
  const { snapshot } = await snapshotOf(ids);
  const exhaustedBudget = new TextBudget({ maxBytes: MAX_SNAPSHOT_BYTES, maxMs: -1 });
  const { before, after } = changesOf(snapshot, new Map(), ids, exhaustedBudget);
  expect(after).toBeNull();
  expect(JSON.parse(before ?? '{}')).toEqual({
    [ids[0] ?? '']: NOT_RECORDED,
    [ids[1] ?? '']: NOT_RECORDED,
  });
  expect(readChanges(before, after).map(({ fields }) => fields)).toEqual([
    [{ name: '', before: NOT_RECORDED, after: null }],
    [{ name: '', before: NOT_RECORDED, after: null }],
  ]);
});

test('shows on the audit page and in the export that a column was not recorded', async () => {
  const id = await insert({}, { ...DISCARDED, error: 'x '.repeat(5_000) });
  await changeJobs(testConsole.ctx(), 'retry', [id]);
  const filter = parseAuditFilter(new URLSearchParams({ target: id }), 'UTC');
  const [row] = (await listAudit(testConsole.ctx(), filter)).rows;
  expect(row?.changes[0]?.fields).toContainEqual({
    name: 'error',
    before: NOT_RECORDED,
    after: NOT_RECORDED,
  });
  let file = '';
  for await (const part of exportAudit(testConsole.ctx(), filter, 'ndjson')) file += part;
  expect(file).toContain(`"error":"${NOT_RECORDED}"`);
});

/** Returns text that does not compress. */
function noise(length: number): string {
  let text = '';
  while (text.length < length) text += crypto.randomUUID();
  return text.slice(0, length);
}
