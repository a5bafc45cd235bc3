import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { insertJob, serializedParams } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { expireAfterWrite } from '../core/process-state';
import { parseQueueFilter } from '../queues/filters';
import { listQueues } from '../queues/queries';
import { REDACTION_MARKER } from '../redaction/redaction';
import { redactNames } from './redact-names';

let testConsole: TestConsole;
beforeAll(async () => {
  vi.stubEnv('DATABASE_URL', 'postgres://localhost/unused');
  testConsole = await TestConsole.open('redact_names');
});
afterAll(() => testConsole.close());

async function insert(queue: string, args: unknown[], payload: Record<string, unknown> = {}) {
  const id = crypto.randomUUID();
  await insertJob(testConsole.client, {
    id,
    queue_name: queue,
    serialized_params: serializedParams(id, { arguments: args, ...payload }),
  });
}

const redactQueue = async (name: string) =>
  (await redactNames(testConsole.ctx(), 'queue_name', [name]))(name);

test('redacts a queue if the arguments of its only job are too large to read', async () => {
  const queue = 'tenant-zq7kxw9vjt3m';
  await insert(queue, ['x'.repeat(70_000), { password: queue }]);
  expect(await redactQueue(queue)).toBe(REDACTION_MARKER);
  const { rows } = await listQueues(testConsole.ctx(), parseQueueFilter(new URLSearchParams()));
  expect(JSON.stringify(rows)).not.toContain(queue);
});

test('shows a queue if the list of jobs shows it for one of its jobs', async () => {
  await insert('imports', ['x'.repeat(70_000)]);
  await insert('imports', []);
  expect(await redactQueue('imports')).toBe('imports');
});

test('redacts a queue that is a secret in the payload outside the arguments', async () => {
  await insert('tenant-9vjt3mzq7kxw', [], { api_token: 'tenant-9vjt3mzq7kxw' });
  expect(await redactQueue('tenant-9vjt3mzq7kxw')).toBe(REDACTION_MARKER);
});

test('redacts names beyond the byte budget until later pages read their jobs', async () => {
  const names = Array.from({ length: 100 }, (_, n) => `bulk-queue-${n}`);
  for (const name of names)
    await insert(
      name,
      Array.from({ length: 1_600 }, () => 'word-of-36-characters-zzzzzzzzzzzzzz'),
    );
  const first = await redactNames(testConsole.ctx(), 'queue_name', names);
  const firstVisibleCount = names.filter((name) => first(name) === name).length;
  expect(firstVisibleCount).toBeGreaterThan(0);
  expect(firstVisibleCount).toBeLessThan(100);
  let visibleCount = firstVisibleCount;
  for (let page = 0; page < 100 && visibleCount < 100; page += 1) {
    const next = await redactNames(testConsole.ctx(), 'queue_name', names);
    visibleCount = names.filter((name) => next(name) === name).length;
  }
  expect(visibleCount).toBe(100);
});

test('omits a queue with a name of 100 kB and reports that the list is incomplete', async () => {
  await insert('q'.repeat(100_000), []);
  expireAfterWrite(testConsole.ctx().tables.schema.identity);
  const page = await listQueues(testConsole.ctx(), parseQueueFilter(new URLSearchParams()));
  expect(page.more).toBe(true);
  expect(JSON.stringify(page)).not.toContain('q'.repeat(2_000));
});
