import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  DISCARDED,
  SUCCEEDED,
  insertBatch,
  insertJob,
  serializedParams,
} from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { REDACTION_MARKER } from '../redaction/redaction';
import { findAttention } from './queries';
import type { FindingKind } from './types';

let testConsole: TestConsole;
beforeAll(async () => {
  vi.stubEnv('DATABASE_URL', 'postgres://localhost/none');
  testConsole = await TestConsole.open('attention_large');
});
afterAll(() => testConsole.close());

const SECRET = 'zq7kxw9vjt3m';
const TWO_HOURS_AGO = new Date(Date.now() - 7_200_000).toISOString();
const HOUR_AGO = new Date(Date.now() - 3_600_000).toISOString();

async function find(kind: FindingKind) {
  const { checks } = await findAttention(testConsole.ctx());
  const check = checks.find((candidate) => candidate.kind === kind);
  return check?.result === 'found' ? check.finding : null;
}

test('hides errors and descriptions that exceed the size limit and may contain secrets', async () => {
  const batch = await insertBatch(testConsole.client, {
    description: `Import for ${SECRET}`,
    serialized_properties: JSON.stringify({ note: 'x'.repeat(70_000), password: SECRET }),
    updated_at: HOUR_AGO,
  });
  const large = { arguments: ['x'.repeat(70_000), { password: SECRET }] };
  const insert = (error: string, payload: Record<string, unknown>, columns = {}) => {
    const id = crypto.randomUUID();
    return insertJob(testConsole.client, {
      id,
      ...DISCARDED,
      error,
      serialized_params: serializedParams(id, payload),
      ...columns,
    });
  };
  // A stored success proves that GoodJob keeps successes.
  await insertJob(testConsole.client, {
    job_class: 'OtherJob',
    ...SUCCEEDED,
    finished_at: TWO_HOURS_AGO,
  });
  for (let n = 0; n < 6; n += 1)
    await insert(`Login: ${SECRET} refused`, large, { job_class: 'FailingJob' });
  await insert(
    `Callback: ${SECRET} ${'word '.repeat(20_000)} password=${SECRET}`,
    {},
    {
      job_class: 'CallbackJob',
      batch_callback_id: batch,
    },
  );
  expect(await find('hanging_batches')).toMatchObject({
    items: [{ id: batch, description: REDACTION_MARKER, tooLarge: true }],
  });
  expect(await find('failing_classes')).toMatchObject({
    items: [{ jobClass: 'FailingJob', error: REDACTION_MARKER, tooLarge: true }],
  });
  expect(await find('discarded_callbacks')).toMatchObject({
    items: [{ jobClass: 'CallbackJob', error: REDACTION_MARKER, tooLarge: true }],
  });
  expect(JSON.stringify(await findAttention(testConsole.ctx()))).not.toContain(SECRET);
});
