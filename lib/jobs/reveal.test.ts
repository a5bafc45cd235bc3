import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insertExecution, insertJob, serializedParams } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { reveal } from './raw';

const SECRET = 'zq7kxw9vjt3m';
let console_: TestConsole;
let jobId: string;
let executionId: string;

beforeAll(async () => {
  console_ = await TestConsole.open('jobs_reveal');
  const id = randomUUID();
  jobId = await insertJob(console_.client, {
    id,
    serialized_params: serializedParams(id, { arguments: [{ password: SECRET }] }),
  });
  executionId = await insertExecution(console_.client, id, {
    error: `password=${SECRET}`,
    serialized_params: serializedParams(id, { arguments: [{ password: SECRET }] }),
  });
});
afterAll(() => console_.close());

interface Recorded {
  viewer: string;
  outcome: string;
  reason: string | null;
  details: { execution_id?: string };
}

const records = async () =>
  (
    await console_.client.query<Recorded>(
      `SELECT viewer, outcome, reason, details FROM good_job_console.audit_events
        WHERE action = 'argument.reveal' ORDER BY id`,
    )
  ).rows;

describe('reveal', () => {
  it('returns the whole payload of a job or an execution and audits the reason only', async () => {
    expect(
      await reveal(console_.ctx({ reason: `ticket 12, password=${SECRET}` }), {
        jobId,
        executionId: null,
      }),
    ).toMatchObject({ text: expect.stringContaining(SECRET) as string });
    expect(await reveal(console_.ctx({ reason: 'again' }), { jobId, executionId })).toMatchObject({
      text: expect.stringContaining(`password=${SECRET}`) as string,
    });
    expect(await records()).toMatchObject([
      { viewer: 'tester', outcome: 'done', reason: 'ticket 12, password=[REDACTED]' },
      { viewer: 'tester', reason: 'again', details: { execution_id: executionId } },
    ]);
  });
  it.each([
    [{ role: 'viewer' }, 'forbidden'],
    [{ role: 'operator' }, 'forbidden'],
    [{ readOnly: true }, 'read_only'],
  ] as const)(
    'is refused to %o, which is on record too where anything may be written',
    async (options, code) => {
      const before = (await records()).length;
      await expect(
        reveal(console_.ctx(options), { jobId, executionId: null }),
      ).rejects.toMatchObject({ code });
      expect((await records()).slice(before)).toMatchObject(
        code === 'forbidden' ? [{ outcome: 'refused' }] : [],
      );
    },
  );
  it('rejects a reveal without a reason for any value of AUDIT_REASON', async () => {
    const before = (await records()).length;
    for (const reason of [undefined, '  '])
      await expect(
        reveal(console_.ctx({ reason }), { jobId, executionId: null }),
      ).rejects.toMatchObject({ code: 'reason_required' });
    expect((await records()).slice(before)).toMatchObject([
      { outcome: 'refused' },
      { outcome: 'refused' },
    ]);
  });
  it('returns null for an execution of another job', async () => {
    const before = (await records()).length;
    expect(
      await reveal(console_.ctx({ reason: 'x' }), { jobId: randomUUID(), executionId: null }),
    ).toBeNull();
    expect(
      await reveal(console_.ctx({ reason: 'x' }), { jobId: randomUUID(), executionId }),
    ).toBeNull();
    expect((await records()).length).toBe(before);
  });
  it('returns nothing when the audit record cannot be written', async () => {
    await console_.client.query(
      `ALTER TABLE good_job_console.audit_events
       ADD CONSTRAINT full_disk CHECK (action <> 'argument.reveal') NOT VALID`,
    );
    await expect(
      reveal(console_.ctx({ reason: 'x' }), { jobId, executionId: null }),
    ).rejects.toThrow();
    await console_.client.query(
      'ALTER TABLE good_job_console.audit_events DROP CONSTRAINT full_disk',
    );
  });
});
