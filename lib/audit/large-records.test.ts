import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestConsole } from '../../test/harness/test-console';
import { exportAudit } from '../audit-log/export';
import { parseAuditFilter } from '../audit-log/filters';
import { historyOf, listAudit } from '../audit-log/queries';
import { type AuditEvent, recordAudit } from './recorder';
import { MAX_SNAPSHOT_BYTES } from './types';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('large_records');
});
afterAll(() => testConsole.close());

const filterOf = (query: string) => parseAuditFilter(new URLSearchParams(query), 'UTC');
const writeRecord = (event: Partial<AuditEvent>) =>
  testConsole.db.write((tx) =>
    recordAudit(tx, {
      viewer: 'tester',
      role: 'admin',
      requestId: 'r',
      action: 'job.retry',
      targetType: 'job',
      targetIds: [],
      counts: { done: 1 },
      details: {},
      ...event,
    }),
  );
const rowsOf = (bytes: number) => {
  const row = (n: number) => [
    `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
    { error: 'word '.repeat(400) },
  ];
  return JSON.stringify(
    Object.fromEntries(Array.from({ length: Math.ceil(bytes / 2_060) }, (_, n) => row(n))),
  );
};

async function exportNdjson(query: string): Promise<string> {
  let file = '';
  for await (const part of exportAudit(testConsole.ctx(), filterOf(query), 'ndjson')) file += part;
  return file;
}

test('marks a record beyond 64 kB as too large for a page and exports it', async () => {
  const id = crypto.randomUUID();
  await writeRecord({ targetIds: [id], before: rowsOf(70_000), after: '{}' });
  const [row] = (await listAudit(testConsole.ctx(), filterOf(`target=${id}`))).rows;
  expect(row).toMatchObject({ tooLarge: true, outcome: 'done' });
  expect(JSON.stringify(row).length).toBeLessThan(2_000);
  expect((await historyOf(testConsole.ctx(), 'job', id))?.rows).toMatchObject([{ tooLarge: true }]);
  expect((await exportNdjson(`target=${id}`)).length).toBeGreaterThan(70_000);
});

test('replaces a record beyond the snapshot limit in an export', async () => {
  const id = crypto.randomUUID();
  await writeRecord({ targetIds: [id], before: rowsOf(2 * MAX_SNAPSHOT_BYTES) });
  expect(await exportNdjson(`target=${id}`)).toContain('"before":"[too large to export]"');
});

test('records who exported how many records with which filter and format', async () => {
  const id = crypto.randomUUID();
  for (let n = 0; n < 60; n += 1) await writeRecord({ targetIds: [id] });
  expect((await exportNdjson(`target=${id}`)).split('\n')).toHaveLength(61);
  const [row] = (await listAudit(testConsole.ctx(), filterOf('action=audit.export'))).rows;
  expect(row).toMatchObject({
    viewer: 'tester',
    action: 'audit.export',
    outcome: 'done',
    counts: { done: 60 },
  });
  expect(JSON.parse(row?.details ?? '{}')).toEqual({
    rows: 60,
    filter: `target=${id}`,
    format: 'ndjson',
    complete: true,
  });
});

test('records an aborted export as incomplete', async () => {
  const parts = exportAudit(testConsole.ctx(), filterOf('action=job.retry'), 'csv');
  await parts.next();
  await parts.next();
  await parts.return();
  const [row] = (await listAudit(testConsole.ctx(), filterOf('action=audit.export'))).rows;
  expect(JSON.parse(row?.details ?? '{}')).toMatchObject({
    complete: false,
    format: 'csv',
    rows: 25,
  });
});

test('escapes bidirectional controls in reasons and names', async () => {
  const id = crypto.randomUUID();
  await writeRecord({
    targetIds: [id],
    reason: 'harmless \u202egnissim',
    viewerName: 'A\u2066dmin',
    targetName: 'low\u200f',
  });
  const [row] = (await listAudit(testConsole.ctx(), filterOf(`target=${id}`))).rows;
  expect(row).toMatchObject({
    reason: String.raw`harmless \u202egnissim`,
    viewerName: String.raw`A\u2066dmin`,
    targetName: String.raw`low\u200f`,
  });
  expect(await exportNdjson(`target=${id}`)).not.toMatch(/[\u202e\u2066\u200f]/);
});
