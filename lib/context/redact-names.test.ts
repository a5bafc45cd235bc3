import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertJob, params } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { expireAfterWrite } from '../core/process-cache';
import { parseQueueFilter } from '../queues/filters';
import { listQueues } from '../queues/queries';
import { HIDDEN } from '../redaction/redaction';
import { redactNames } from './redact-names';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('redact_names');
});
afterAll(() => testConsole.close());

async function insert(queue: string, args: unknown[], payload: Record<string, unknown> = {}) {
  const id = crypto.randomUUID();
  await insertJob(testConsole.client, {
    id,
    queue_name: queue,
    serialized_params: params(id, { arguments: args, ...payload }),
  });
}

const shown = async (name: string) =>
  (await redactNames(testConsole.ctx(), 'queue_name', [name]))(name);

test('a queue whose only job has arguments beyond 64 kB is hidden: they may hold it as a secret', async () => {
  const queue = 'tenant-zq7kxw9vjt3m';
  await insert(queue, ['x'.repeat(70_000), { password: queue }]);
  expect(await shown(queue)).toBe(HIDDEN);
  const { rows } = await listQueues(testConsole.ctx(), parseQueueFilter(new URLSearchParams()));
  expect(JSON.stringify(rows)).not.toContain(queue);
});

test('a queue is shown where one of its jobs shows it in the list of jobs', async () => {
  await insert('imports', ['x'.repeat(70_000)]);
  await insert('imports', []);
  expect(await shown('imports')).toBe('imports');
});

test('a queue that the payload hides outside of the arguments is hidden', async () => {
  await insert('tenant-9vjt3mzq7kxw', [], { api_token: 'tenant-9vjt3mzq7kxw' });
  expect(await shown('tenant-9vjt3mzq7kxw')).toBe(HIDDEN);
});

test('names beyond the bytes of one page are hidden until the next page reads them', async () => {
  const names = Array.from({ length: 100 }, (_, n) => `bulk-queue-${n}`);
  for (const name of names)
    await insert(
      name,
      Array.from({ length: 1_600 }, () => 'word-of-36-characters-zzzzzzzzzzzzzz'),
    );
  const first = await redactNames(testConsole.ctx(), 'queue_name', names);
  const readAtFirst = names.filter((name) => first(name) === name).length;
  expect(readAtFirst).toBeGreaterThan(0);
  expect(readAtFirst).toBeLessThan(100);
  let read = readAtFirst;
  for (let page = 0; page < 20 && read < 100; page += 1) {
    const next = await redactNames(testConsole.ctx(), 'queue_name', names);
    read = names.filter((name) => next(name) === name).length;
  }
  expect(read).toBe(100);
});

test('a queue with a name of 100 kB is left out of the page, which says that there is more', async () => {
  await insert('q'.repeat(100_000), []);
  expireAfterWrite(testConsole.ctx().tables.schema.identity);
  const page = await listQueues(testConsole.ctx(), parseQueueFilter(new URLSearchParams()));
  expect(page.more).toBe(true);
  expect(JSON.stringify(page)).not.toContain('q'.repeat(2_000));
});
