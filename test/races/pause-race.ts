import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { leaseEnd } from '../../lib/bulk/runs';
import { MIGRATIONS } from '../../lib/console-schema/setup';
import { contextFor, type Ctx } from '../../lib/context/request-context';
import { type Database, openDatabase } from '../../lib/db/database';
import { GoodJobTables, detectSchema } from '../../lib/good-job/tables';
import { changePause, endDuePauses } from '../../lib/pauses/mutations';
import type { PauseOutcome } from '../../lib/pauses/types';
import { goodJobDatabase } from '../harness/good-job-database';
import { findViolations } from './checks';
import { connect } from './stage';

/*
 * Timed pauses: two servers end a pause while an operator unpauses it, another process pauses it
 * anew, or the pauses of other queues change.
 */

const QUEUE = 'timed';
const SERVERS = ['server-1', 'server-2'];

const LOG = `
  CREATE SCHEMA race_log;
  CREATE TABLE race_log.pause_changes (
    n bigint GENERATED ALWAYS AS IDENTITY,
    actor text NOT NULL,
    was_paused boolean NOT NULL,
    is_paused boolean NOT NULL
  );
  CREATE FUNCTION race_log.log_pause() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO race_log.pause_changes (actor, was_paused, is_paused)
    VALUES (current_setting('application_name'), OLD.value -> 'queues' ? '${QUEUE}',
            NEW.value -> 'queues' ? '${QUEUE}');
    RETURN NEW;
  END $$;
  CREATE TRIGGER log_pause BEFORE UPDATE ON good_job_settings
    FOR EACH ROW EXECUTE FUNCTION race_log.log_pause();
  INSERT INTO good_job_settings (key, value, created_at, updated_at)
  VALUES ('pauses', '{"queues": [], "job_classes": [], "labels": []}', now(), now())`;

/** The changes by a server, with the last change before that paused the queue. */
const ENDED = `
  SELECT e.n,
         (SELECT max(p.n)
            FROM race_log.pause_changes p
           WHERE p.n < e.n AND p.is_paused AND NOT p.was_paused) AS paused_at
    FROM race_log.pause_changes e
   WHERE e.actor LIKE 'server-%'`;

/** Rules of the race; each query returns its violations. */
const PAUSE_VIOLATIONS: Record<string, string> = {
  'a server ended a pause that was made or may have been replaced elsewhere': `
    SELECT e.n::text AS id, 'by ' || c.actor AS what
      FROM (${ENDED}) e
      JOIN race_log.pause_changes c ON c.n >= e.paused_at AND c.n < e.n AND c.actor = 'rails'`,
  'a server changed the setting without ending the pause': `
    SELECT n::text AS id, actor AS what
      FROM race_log.pause_changes
     WHERE actor LIKE 'server-%' AND NOT (was_paused AND NOT is_paused)`,
  'the audit has other ends than the setting': `
    SELECT NULL AS id, format('%s in the audit, %s in the setting', audited, ended) AS what
      FROM (
        SELECT (SELECT count(*)
                  FROM good_job_console.audit_events
                 WHERE action = 'pause.expire') AS audited,
               (SELECT count(*) FROM (${ENDED}) e) AS ended) counts
     WHERE audited <> ended`,
  'an end remains for a queue that is not paused': `
    SELECT e.name AS id, 'ends at ' || e.ends_at AS what
      FROM good_job_console.pause_ends e
      JOIN good_job_settings s ON s.key = 'pauses' AND NOT (s.value -> 'queues' ? e.name)`,
};

/** GoodJob's change of its setting by another process, as one transaction. */
async function changeElsewhere(rails: pg.Client, queues: string[]): Promise<null> {
  await rails.query('BEGIN');
  for (const list of [[], queues])
    await rails.query(
      `UPDATE good_job_settings
          SET value = jsonb_set(value, '{queues}', $1), updated_at = clock_timestamp()
        WHERE key = 'pauses'`,
      [JSON.stringify(list)],
    );
  await rails.query('COMMIT');
  return null;
}

interface PauseRaceResult {
  rounds: number;
  /** Pauses that a server has ended. */
  ended: number;
  /** Pauses that an operator has unpaused first. */
  unpaused: number;
  /** Ends that were dropped because of a change elsewhere. */
  dropped: number;
  violations: string[];
}

/** Runs the race for `seconds` and checks the result. */
export async function pauseRace(seconds: number): Promise<PauseRaceResult> {
  const database = await goodJobDatabase('pause race', {
    sql: ['CREATE SCHEMA good_job_console', ...MIGRATIONS.map(({ statements }) => statements), LOG],
  });
  const rails = await connect(database.url, 'rails');
  const open: Database[] = [];
  const contextOf = async (applicationName: string): Promise<Ctx> => {
    const db = openDatabase({ url: database.url, caFile: null, poolSize: 2, applicationName });
    open.push(db);
    const schema = await db.read((tx) => detectSchema(tx, 'public'));
    return contextFor({
      viewer: { id: applicationName, role: 'admin' },
      db,
      tables: new GoodJobTables(schema, {
        appName: 'race-app',
        locale: 'en',
        timeZone: 'UTC',
        dequeueQuerySort: 'created_at',
      }),
      consoleSchema: true,
      pauseEnds: 'write',
      requestId: 'race',
      readOnly: false,
    });
  };
  try {
    const operator = await contextOf('operator');
    const servers = await Promise.all(SERVERS.map(contextOf));
    const result = await runRounds(seconds, operator, servers, rails);
    return { ...result, violations: await findViolations(rails, PAUSE_VIOLATIONS) };
  } finally {
    await Promise.all(open.map((db) => db.close()));
    await rails.end();
    await database.drop();
  }
}

async function runRounds(
  seconds: number,
  operator: Ctx,
  servers: Ctx[],
  rails: pg.Client,
): Promise<Omit<PauseRaceResult, 'violations'>> {
  const opponents: (() => Promise<PauseOutcome | null>)[] = [
    () => changePause(operator, 'unpause', { queue: QUEUE }),
    () => changePause(operator, 'pause', { queue: randomUUID() }),
    () => changeElsewhere(rails, [QUEUE]),
    () => changeElsewhere(rails, [QUEUE, 'other']),
    () => changeElsewhere(rails, []),
  ];
  const counts = { rounds: 0, ended: 0, unpaused: 0, dropped: 0 };
  const deadline = Date.now() + seconds * 1000;
  for (let round = 0; Date.now() < deadline; round += 1) {
    await changePause(operator, 'pause', { queue: QUEUE }, '30m');
    await rails.query('UPDATE good_job_console.pause_ends SET ends_at = clock_timestamp()');
    const opponent = opponents[round % opponents.length];
    const [outcome, ...ended] = await Promise.all([
      opponent?.(),
      ...servers.map((ctx, n) =>
        endDuePauses(ctx, { server: SERVER_IDS[n] ?? '', until: leaseEnd }),
      ),
    ]);
    counts.rounds += 1;
    counts.ended += ended.flat().length;
    if (round % opponents.length === 0 && outcome?.outcome === 'done') counts.unpaused += 1;
    await changeElsewhere(rails, []);
    await Promise.all(
      servers.map((ctx, n) => endDuePauses(ctx, { server: SERVER_IDS[n] ?? '', until: leaseEnd })),
    );
  }
  const { rows } = await rails.query<{ n: number }>(
    `SELECT count(*)::int AS n
       FROM good_job_console.audit_events
      WHERE action = 'pause.drop_end'`,
  );
  return { ...counts, dropped: rows[0]?.n ?? 0 };
}

const SERVER_IDS = SERVERS.map(() => randomUUID());
