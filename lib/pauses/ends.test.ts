import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { TestConsole } from '../../test/harness/test-console';
import { findAttention } from '../attention/queries';
import { repair } from '../attention/repair';
import { leaseEnd } from '../bulk/runs';
import type { Ctx } from '../context/request-context';
import { presetTime } from '../core/locale';
import { changePause, dropEnd, endDuePauses, undoPause } from './mutations';
import { listPauses } from './queries';

let testConsole: TestConsole;
beforeAll(async () => {
  vi.stubEnv('DATABASE_URL', 'postgres://localhost/unused');
  testConsole = await TestConsole.open('pause ends');
});
afterAll(() => testConsole.close());
beforeEach(() =>
  testConsole.client.query(
    `TRUNCATE good_job_settings, good_job_console.pause_ends, good_job_console.audit_events`,
  ),
);

const SERVERS = [randomUUID(), randomUUID()] as const;
/** What the server's poll does. */
const poll = (server: string = SERVERS[0], ctx: Ctx = testConsole.ctx()) =>
  endDuePauses(ctx, { server, until: leaseEnd });
const pauseFor30Minutes = (name = 'low') =>
  changePause(
    testConsole.ctx({ reason: 'a deploy', viewerId: 'anna' }),
    'pause',
    { queue: name },
    '30m',
  );
/** Moves the end of every pause to `minutes` ago. */
const endedAgo = (minutes: number) =>
  testConsole.client.query(
    `UPDATE good_job_console.pause_ends SET ends_at = clock_timestamp() - make_interval(mins => $1)`,
    [minutes],
  );
/** GoodJob's own change of its setting, as Rails makes it. */
const changeElsewhere = (queues: string[]) =>
  testConsole.client.query(
    `UPDATE good_job_settings
        SET value = jsonb_set(value, '{queues}', $1), updated_at = clock_timestamp()
      WHERE key = 'pauses'`,
    [JSON.stringify(queues)],
  );
const values = async <Row>(statement: string): Promise<Row[]> =>
  (await testConsole.client.query(statement)).rows as Row[];
const pausedQueues = async () =>
  (
    await values<{ queues: string[] }>(
      `SELECT value -> 'queues' AS queues FROM good_job_settings WHERE key = 'pauses'`,
    )
  )[0]?.queues;
const storedEnds = async () =>
  (
    await values<{ name: string }>('SELECT name FROM good_job_console.pause_ends ORDER BY name')
  ).map(({ name }) => name);
const auditRecords = () =>
  values<{ viewer: string; action: string; target_name: string; details: object }>(
    `SELECT viewer, action, target_name, details - 'ends_at' - 'setting' AS details
       FROM good_job_console.audit_events
      ORDER BY id`,
  );

/** Resolves once a session of the console waits for a lock. */
async function isWaitingForLock(): Promise<void> {
  for (;;) {
    const rows = await values(
      `SELECT 1
         FROM pg_stat_activity
        WHERE datname = current_database()
          AND application_name = 'good_job_console'
          AND wait_event_type = 'Lock'`,
    );
    if (rows.length > 0) return;
  }
}

describe('setting an end', () => {
  it('stores the end of a preset, and lists it with who set the pause and why', async () => {
    expect(await pauseFor30Minutes()).toMatchObject({ outcome: 'done' });
    const { rows } = await listPauses(testConsole.ctx());
    expect(rows).toMatchObject([
      { name: 'low', origin: { viewer: 'anna', reason: 'a deploy' }, endsAt: expect.any(String) },
    ]);
    const minutes = (Date.parse(rows[0]?.endsAt ?? '') - Date.now()) / 60_000;
    expect(Math.round(minutes)).toBe(30);
  });

  it('stores the end of a chosen time', async () => {
    const at = presetTime('tomorrow', Date.now(), 'Asia/Tokyo');
    await changePause(testConsole.ctx(), 'pause', { label: 'nightly' }, at);
    const { rows } = await listPauses(testConsole.ctx());
    expect(Date.parse(rows[0]?.endsAt ?? '')).toBe(Date.parse(at ?? ''));
  });

  it.each(['2020-01-01T00:00:00Z', '2099-01-01T00:00:00Z'])('refuses the end %s', async (end) => {
    expect(await changePause(testConsole.ctx(), 'pause', { queue: 'low' }, end)).toEqual({
      outcome: 'refused',
      code: 'end_invalid',
    });
    expect(await pausedQueues()).toBeUndefined();
  });

  it('rejects an end without the table of ends', async () => {
    const ctx = testConsole.ctx({ pauseEnds: 'none' });
    await expect(changePause(ctx, 'pause', { queue: 'low' }, '30m')).rejects.toMatchObject({
      code: 'bad_request',
    });
    expect(await changePause(ctx, 'pause', { queue: 'low' })).toMatchObject({ outcome: 'done' });
  });

  it('replaces the end of a queue that is already paused', async () => {
    await pauseFor30Minutes();
    expect(await changePause(testConsole.ctx(), 'pause', { queue: 'low' }, '1h')).toMatchObject({
      outcome: 'end_changed',
    });
    expect(await changePause(testConsole.ctx(), 'pause', { queue: 'low' })).toEqual({
      outcome: 'end_changed',
      endsAt: null,
    });
    expect(await changePause(testConsole.ctx(), 'pause', { queue: 'low' })).toEqual({
      outcome: 'unchanged',
    });
    expect(await storedEnds()).toEqual([]);
  });

  it('removes the end with its pause', async () => {
    await pauseFor30Minutes();
    await changePause(testConsole.ctx(), 'unpause', { queue: 'low' });
    expect(await storedEnds()).toEqual([]);
  });
});

describe('ending a pause', () => {
  it('does not unpause before the end', async () => {
    await pauseFor30Minutes();
    expect(await poll()).toEqual([]);
    expect(await pausedQueues()).toEqual(['low']);
  });

  it('unpauses at the end, and records who had set it', async () => {
    await pauseFor30Minutes();
    await endedAgo(1);
    expect(await poll()).toEqual([{ kind: 'queue', name: 'low' }]);
    expect(await pausedQueues()).toEqual([]);
    expect(await storedEnds()).toEqual([]);
    expect((await auditRecords()).at(-1)).toEqual({
      viewer: 'tester',
      action: 'pause.expire',
      target_name: 'low',
      details: { set_by: 'anna' },
    });
  });

  it('ends a pause once if two servers poll at the same time', async () => {
    await pauseFor30Minutes();
    await endedAgo(1);
    const ended = await Promise.all([poll(SERVERS[0]), poll(SERVERS[1])]);
    expect(ended.flat()).toEqual([{ kind: 'queue', name: 'low' }]);
    expect((await auditRecords()).filter(({ action }) => action === 'pause.expire')).toHaveLength(
      1,
    );
  });

  it('leaves a pause to the server that has the lease, until the lease expires', async () => {
    await pauseFor30Minutes();
    await endedAgo(1);
    await testConsole.client.query(
      `UPDATE good_job_console.pause_ends
          SET lease_owner = $1, lease_expires_at = clock_timestamp() + interval '8 seconds'`,
      [SERVERS[1]],
    );
    expect(await poll()).toEqual([]);
    await testConsole.client.query(
      `UPDATE good_job_console.pause_ends SET lease_expires_at = clock_timestamp()`,
    );
    expect(await poll()).toEqual([{ kind: 'queue', name: 'low' }]);
  });

  it('changes nothing if the server dies before the commit, and ends it afterwards', async () => {
    await pauseFor30Minutes();
    await endedAgo(1);
    await testConsole.client.query(`
      CREATE FUNCTION good_job_console.crash() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;
      CREATE TRIGGER crash BEFORE INSERT ON good_job_console.audit_events
        FOR EACH ROW WHEN (NEW.action = 'pause.expire')
        EXECUTE FUNCTION good_job_console.crash()`);
    await expect(poll()).rejects.toThrow();
    await testConsole.client.query('DROP FUNCTION good_job_console.crash CASCADE');
    expect(await pausedQueues()).toEqual(['low']);
    expect(await storedEnds()).toEqual(['low']);
    expect(await poll(SERVERS[1])).toEqual([]);
    await testConsole.client.query(
      `UPDATE good_job_console.pause_ends SET lease_expires_at = clock_timestamp()`,
    );
    expect(await poll(SERVERS[1])).toEqual([{ kind: 'queue', name: 'low' }]);
  });

  it.each([
    ['a read-only server', { readOnly: true }],
    ['a server without the table', { pauseEnds: 'none' as const }],
    ['a server that may only read the table', { pauseEnds: 'read' as const }],
  ])('is not done by %s', async (_, options) => {
    await pauseFor30Minutes();
    await endedAgo(1);
    expect(await poll(SERVERS[0], testConsole.ctx(options))).toEqual([]);
    expect(await pausedQueues()).toEqual(['low']);
  });

  it('keeps the other ends valid', async () => {
    await pauseFor30Minutes('one');
    await pauseFor30Minutes('two');
    await changePause(testConsole.ctx(), 'pause', { queue: 'three' });
    await endedAgo(1);
    expect(await poll()).toHaveLength(2);
    expect(await pausedQueues()).toEqual(['three']);
  });

  it('waits for the next poll while another session holds the setting', async () => {
    await pauseFor30Minutes();
    await endedAgo(1);
    const other = await testConsole.session();
    await other.query(`BEGIN; SELECT 1 FROM good_job_settings WHERE key = 'pauses' FOR UPDATE`);
    expect(await poll()).toEqual([]);
    await other.query('ROLLBACK');
    expect(await poll()).toEqual([{ kind: 'queue', name: 'low' }]);
  });
});

describe('dropping an end', () => {
  it.each([
    ['the name is no longer paused', []],
    ['the name was paused anew', ['low']],
    ['another queue was paused, so that the name may have been paused anew', ['low', 'other']],
  ])('happens when %s outside the console', async (_, queues) => {
    await pauseFor30Minutes();
    await endedAgo(1);
    await changeElsewhere(queues);
    expect((await listPauses(testConsole.ctx())).rows.every(({ endsAt }) => endsAt === null)).toBe(
      true,
    );
    expect(await poll()).toEqual([]);
    expect(await storedEnds()).toEqual([]);
    expect(await pausedQueues()).toEqual(queues);
    expect((await auditRecords()).at(-1)).toEqual({
      viewer: 'tester',
      action: 'pause.drop_end',
      target_name: 'low',
      details: { cause: 'changed_elsewhere', set_by: 'anna' },
    });
  });

  it('drops an end when the name is missing although the setting has the same version', async () => {
    await pauseFor30Minutes();
    await testConsole.client.query(
      `UPDATE good_job_settings SET value = '{"queues": []}' WHERE key = 'pauses'`,
    );
    await poll();
    expect(await storedEnds()).toEqual([]);
  });

  it('a dropped end does not return with a later change of the console', async () => {
    await pauseFor30Minutes();
    await changeElsewhere(['low', 'other']);
    await changePause(testConsole.ctx(), 'unpause', { queue: 'other' });
    await endedAgo(1);
    expect(await poll()).toEqual([]);
    expect(await pausedQueues()).toEqual(['low']);
  });

  it('does not end a pause that was paused anew between the claim and the lock', async () => {
    await pauseFor30Minutes();
    await endedAgo(1);
    const other = await testConsole.session();
    await other.query('BEGIN');
    await other.query(
      `UPDATE good_job_settings SET updated_at = clock_timestamp() WHERE key = 'pauses'`,
    );
    const polled = poll();
    await isWaitingForLock();
    await other.query('COMMIT');
    expect(await polled).toEqual([]);
    expect(await pausedQueues()).toEqual(['low']);
  });

  it('dropping an end keeps the pause, and requires an admin', async () => {
    await pauseFor30Minutes();
    await expect(
      dropEnd(testConsole.ctx({ role: 'operator' }), { kind: 'queue', name: 'low' }),
    ).rejects.toMatchObject({ code: 'forbidden' });
    expect(await dropEnd(testConsole.ctx(), { kind: 'queue', name: 'low' })).toBe(true);
    expect(await dropEnd(testConsole.ctx(), { kind: 'queue', name: 'low' })).toBe(false);
    expect(await pausedQueues()).toEqual(['low']);
  });
});

describe('an end that is more than an hour late', () => {
  const lateEnds = async (ctx = testConsole.ctx()) => {
    const { checks } = await findAttention(ctx);
    const check = checks.find(({ kind }) => kind === 'late_pause_ends');
    return check?.result === 'found' ? check.finding.items : [];
  };

  it('an end that is more than an hour late is reported, not executed', async () => {
    await pauseFor30Minutes();
    await endedAgo(59);
    expect(await lateEnds()).toEqual([]);
    await endedAgo(61);
    expect(await poll()).toEqual([]);
    expect(await pausedQueues()).toEqual(['low']);
    expect(await lateEnds()).toMatchObject([{ by: 'queue', name: 'low', viewer: 'anna' }]);
    expect(await lateEnds(testConsole.ctx({ readOnly: true, pauseEnds: 'read' }))).toHaveLength(1);
  });

  it.each([
    ['unpause', []],
    ['drop_end', ['low']],
  ] as const)('is repaired by %s', async (kind, queues) => {
    await pauseFor30Minutes();
    await endedAgo(61);
    const result = await repair(testConsole.ctx(), { repair: kind, by: 'queue', name: 'low' });
    expect(result.counts).toEqual({ done: 1 });
    expect(await lateEnds()).toEqual([]);
    expect(await pausedQueues()).toEqual(queues);
  });
});

describe('undoing a pause', () => {
  const added = async (end: '30m' | null = null) => {
    const outcome = await changePause(testConsole.ctx(), 'pause', { queue: 'low' }, end);
    if (outcome.outcome !== 'done' || !outcome.added) throw new Error('The pause was not added.');
    return outcome.added;
  };
  const undo = (state: Awaited<ReturnType<typeof added>>, ctx = testConsole.ctx()) =>
    undoPause(ctx, { kind: 'queue', name: 'low' }, state);

  it.each([null, '30m'] as const)('removes a pause with the end %s', async (end) => {
    const state = await added(end);
    expect(await undo(state)).toEqual({ outcome: 'done', added: null });
    expect(await pausedQueues()).toEqual([]);
    expect(await storedEnds()).toEqual([]);
    expect((await auditRecords()).map(({ action }) => action)).toEqual([
      'pause.pause',
      'pause.undo',
    ]);
  });

  it('offers no undo for a pause that already existed', async () => {
    await added();
    expect(await changePause(testConsole.ctx(), 'pause', { queue: 'low' })).toEqual({
      outcome: 'unchanged',
    });
  });

  it.each([
    ['the setting was changed elsewhere', () => changeElsewhere(['low'])],
    [
      'the console changed another pause',
      () => changePause(testConsole.ctx(), 'pause', { queue: 'other' }),
    ],
    ['its end was changed', () => changePause(testConsole.ctx(), 'pause', { queue: 'low' }, '1h')],
  ])('changes nothing after %s', async (_, change) => {
    const state = await added();
    await change();
    const before = await pausedQueues();
    expect(await undo(state)).toEqual({ outcome: 'conflict' });
    expect(await pausedQueues()).toEqual(before);
  });

  it('undoing a pause requires an admin', async () => {
    const state = await added();
    await expect(undo(state, testConsole.ctx({ role: 'operator' }))).rejects.toMatchObject({
      code: 'forbidden',
    });
  });
});
