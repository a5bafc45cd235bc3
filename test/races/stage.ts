import pg from 'pg';
import type { Strategy } from './good-job-worker';

/*
 * The database of one race: 2,000 jobs, most of them in batches with callbacks, and the schema
 * `race_log`. Workers write to it on separate connections, and triggers log every change of a row.
 */

export const JOBS = 2000;
/** Many small batches, because most races concern the end of a batch. */
const BATCHES = 600;
const MEMBERS = 2;

/** application_name of the connections, by which the triggers distinguish the actors. */
export const WORKER = 'good_job_worker';
export const CONSOLE = 'good_job_console';

const LOG = `
  CREATE SCHEMA race_log;
  CREATE TABLE race_log.executions (
    n bigserial PRIMARY KEY,
    job_id uuid NOT NULL,
    process_id uuid NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    stopped_at timestamptz);
  CREATE INDEX ON race_log.executions (job_id);
  CREATE TABLE race_log.outcomes (
    n bigserial PRIMARY KEY,
    job_id uuid NOT NULL,
    action text NOT NULL,
    outcome text NOT NULL);
  CREATE TABLE race_log.anomalies (n bigserial PRIMARY KEY, what text NOT NULL);
  CREATE TABLE race_log.job_changes (
    n bigserial PRIMARY KEY,
    job_id uuid NOT NULL,
    actor text NOT NULL,
    was_finished boolean NOT NULL,
    is_finished boolean NOT NULL,
    error_event smallint,
    is_undo boolean NOT NULL DEFAULT false);
  CREATE INDEX ON race_log.job_changes (job_id, n);
  CREATE TABLE race_log.batch_changes (
    n bigserial PRIMARY KEY,
    batch_id uuid NOT NULL,
    actor text NOT NULL,
    what text NOT NULL,
    is_set boolean NOT NULL,
    discarded boolean NOT NULL);

  CREATE FUNCTION race_log.job_changed() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    -- The undo of a discard keeps created_at, which a retry sets.
    INSERT INTO race_log.job_changes (
      job_id, actor, was_finished, is_finished, error_event, is_undo)
    VALUES (NEW.id, current_setting('application_name'), OLD.finished_at IS NOT NULL,
            NEW.finished_at IS NOT NULL, NEW.error_event,
            OLD.finished_at IS NOT NULL AND NEW.finished_at IS NULL
              AND OLD.error_event IS NOT DISTINCT FROM 5
              AND NEW.created_at IS NOT DISTINCT FROM OLD.created_at);
    RETURN NULL;
  END $$;
  CREATE TRIGGER job_changed AFTER UPDATE ON good_jobs FOR EACH ROW
    WHEN (OLD.finished_at IS NOT NULL
       OR NEW.finished_at IS NOT NULL
       OR current_setting('application_name') = '${CONSOLE}')
    EXECUTE FUNCTION race_log.job_changed();

  CREATE FUNCTION race_log.batch_changed() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO race_log.batch_changes (batch_id, actor, what, is_set, discarded)
    SELECT NEW.id, current_setting('application_name'), what, new_at IS NOT NULL,
           NEW.discarded_at IS NOT NULL
      FROM (VALUES
             ('discarded_at', OLD.discarded_at, NEW.discarded_at),
             ('jobs_finished_at', OLD.jobs_finished_at, NEW.jobs_finished_at),
             ('finished_at', OLD.finished_at, NEW.finished_at)) AS t (what, old_at, new_at)
     WHERE old_at IS DISTINCT FROM new_at;
    RETURN NULL;
  END $$;
  CREATE TRIGGER batch_changed AFTER UPDATE ON good_job_batches
    FOR EACH ROW EXECUTE FUNCTION race_log.batch_changed();`;

/** One job in four is due; the clients reschedule the others, which are due in an hour. */
const ROWS = `
  INSERT INTO good_job_batches (
         id, created_at, updated_at, serialized_properties, enqueued_at,
         on_finish, on_success, on_discard)
  SELECT gen_random_uuid(), now(), now(), '{"_aj_symbol_keys": []}', now(),
         'CallbackJob',
         CASE WHEN n % 3 <> 0 THEN 'CallbackJob' END,
         CASE WHEN n % 2 = 0 THEN 'CallbackJob' END
    FROM generate_series(1, ${BATCHES}) n;
  INSERT INTO good_jobs (
         id, active_job_id, queue_name, priority, job_class, serialized_params, batch_id,
         scheduled_at, created_at, updated_at)
  SELECT id, id, queue, 0, 'RaceJob',
         jsonb_build_object(
           'job_class', 'RaceJob', 'job_id', id, 'provider_job_id', NULL, 'queue_name', queue,
           'priority', NULL, 'arguments', '[]'::jsonb, 'executions', 0,
           'exception_executions', '{}'::jsonb, 'locale', 'en', 'timezone', 'UTC',
           'enqueued_at', NULL, 'scheduled_at', NULL),
         batch_id,
         CASE WHEN n % 4 = 0 THEN now() ELSE now() + interval '1 hour' END, now(), now()
    FROM (
      SELECT n, gen_random_uuid() AS id,
             (ARRAY['default', 'mail', 'reports'])[1 + n % 3] AS queue,
             (SELECT b.id
                FROM (
                  SELECT id, row_number() OVER (ORDER BY id) AS k FROM good_job_batches) b
               WHERE b.k = (n - 1) / ${MEMBERS} + 1) AS batch_id
        FROM generate_series(1, ${JOBS}) n) jobs;
  ANALYZE good_jobs, good_job_batches`;

/** Times stay text, because a Date would use the time zone of this machine. */
const types = {
  getTypeParser: ((oid: number, format: 'text') =>
    oid === 1114 || oid === 1184
      ? (text: string) => text
      : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

/** A connection in UTC whose times stay text. */
export async function connect(url: string, applicationName: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: applicationName, types });
  await client.connect();
  await client.query(`SET TIME ZONE 'UTC'`);
  return client;
}

/** Creates the log and inserts the jobs and batches of a race. */
export async function insertRaceRows(client: pg.Client): Promise<void> {
  await client.query(LOG);
  await client.query(ROWS);
}

/** The first argument of a worker or client process, as JSON. */
export interface RaceProcessOptions {
  url: string;
  strategy: Strategy;
  /** The index among the processes of its kind. */
  number: number;
  /** Makes clients change rows without locks, so that the checks have violations to find. */
  sabotage: boolean;
}

/** `drain`: every job succeeds from now on. `stop`: exit after the current job. */
export type Signal = 'drain' | 'stop';

/** The options in this process's first argument. */
export function raceProcessOptions(): RaceProcessOptions {
  return JSON.parse(process.argv[2] ?? '{}') as RaceProcessOptions;
}

/** An object whose `signal` is always the last signal sent to this process. */
export function listenForSignals(): { signal?: Signal } {
  const race: { signal?: Signal } = {};
  process.on('message', (message: Signal) => {
    race.signal = message;
  });
  return race;
}
