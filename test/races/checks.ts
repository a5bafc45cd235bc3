import type pg from 'pg';
import { CONSOLE, JOBS } from './stage';

/**
 * Queries of violations (`id` and `what`) over the log and the rows, after the last worker has
 * stopped.
 */
const VIOLATIONS: Record<string, string> = {
  'a job ran twice at once': `
    SELECT a.job_id AS id, 'in ' || a.process_id || ' and ' || b.process_id AS what
      FROM race_log.executions a
      JOIN race_log.executions b
        ON b.job_id = a.job_id
       AND b.n > a.n
       AND b.started_at < coalesce(a.stopped_at, 'infinity')
       AND a.started_at < coalesce(b.stopped_at, 'infinity')`,
  'a finished job changed without a retry': `
    SELECT job_id AS id,
           actor || ' left it ' || CASE WHEN is_finished THEN 'finished' ELSE 'open' END
             || ', error_event ' || coalesce(error_event::text, 'null') AS what
      FROM race_log.job_changes
     WHERE was_finished
       AND NOT (
             actor = '${CONSOLE}' AND NOT is_finished AND (error_event = 3 OR is_undo))`,
  'an undo reverted another change than a discard': `
    SELECT u.job_id AS id,
           coalesce(p.actor || ' left error_event ' || coalesce(p.error_event::text, 'null'),
                    'nobody discarded it') AS what
      FROM race_log.job_changes u
      LEFT JOIN LATERAL (
        SELECT *
          FROM race_log.job_changes c
         WHERE c.job_id = u.job_id AND c.n < u.n
         ORDER BY c.n DESC
         LIMIT 1) p ON true
      JOIN good_jobs j ON j.id = u.job_id
     WHERE u.is_undo
       AND (j.batch_id IS NOT NULL
            OR p.actor IS DISTINCT FROM '${CONSOLE}'
            OR p.was_finished
            OR NOT p.is_finished
            OR p.error_event IS DISTINCT FROM 5)`,
  'a worker claimed a job in an impossible state': `
    SELECT n::text AS id, what FROM race_log.anomalies`,
  'a job was lost': `
    SELECT id,
           CASE WHEN finished_at IS NULL THEN 'never finished'
             ELSE 'still locked by ' || locked_by_id END AS what
      FROM good_jobs
     WHERE finished_at IS NULL OR locked_by_id IS NOT NULL
    UNION ALL
    SELECT NULL, 'only ' || count(*) || ' of ${JOBS} jobs remain'
      FROM good_jobs
     WHERE batch_callback_id IS NULL
    HAVING count(*) <> ${JOBS}`,
  'executions do not match their rows': `
    SELECT id,
           format('%s ran, %s counted, %s rows, %s of them finished',
                  ran, executions_count, row_count, finished) AS what
      FROM (
        SELECT j.id, coalesce(j.executions_count, 0) AS executions_count,
               (SELECT count(*)
                  FROM race_log.executions l
                 WHERE l.job_id = j.id AND l.stopped_at IS NOT NULL) AS ran,
               (SELECT count(*)
                  FROM good_job_executions e
                 WHERE e.active_job_id = j.id) AS row_count,
               (SELECT count(e.finished_at)
                  FROM good_job_executions e
                 WHERE e.active_job_id = j.id) AS finished
          FROM good_jobs j) counts
     WHERE ran <> executions_count OR ran <> row_count OR ran <> finished`,
  'the console reported other changes than it made': `
    SELECT coalesce(reported.job_id, actual.job_id) AS id,
           format('%s: reported %s, made %s', coalesce(reported.action, actual.action),
                  coalesce(reported.n, 0), coalesce(actual.n, 0)) AS what
      FROM (
        SELECT job_id, replace(action, 'undo_reschedule', 'reschedule') AS action, count(*) AS n
          FROM race_log.outcomes
         WHERE outcome = 'done'
         GROUP BY 1, 2) reported
      FULL JOIN (
        SELECT job_id,
               CASE WHEN is_undo THEN 'undo_discard'
                 WHEN was_finished THEN 'retry'
                 WHEN is_finished THEN 'discard'
                 ELSE 'reschedule' END AS action,
               count(*) AS n
          FROM race_log.job_changes
         WHERE actor = '${CONSOLE}'
         GROUP BY 1, 2) actual USING (job_id, action)
     WHERE reported.n IS DISTINCT FROM actual.n`,
  'an action had an unexpected outcome': `
    SELECT job_id AS id, action || ': ' || outcome AS what
      FROM race_log.outcomes
     WHERE outcome NOT IN ('done', 'conflict', 'locked')`,
  'a batch did not complete exactly once': `
    SELECT b.id,
           format('%s set %s times, cleared %s times', t.what,
                  count(c.n) FILTER (WHERE c.is_set),
                  count(c.n) FILTER (WHERE NOT c.is_set)) AS what
      FROM good_job_batches b
     CROSS JOIN (VALUES ('jobs_finished_at'), ('finished_at')) AS t (what)
      LEFT JOIN race_log.batch_changes c ON c.batch_id = b.id AND c.what = t.what
     GROUP BY b.id, t.what
    HAVING count(c.n) FILTER (WHERE c.is_set) <> 1
        OR count(c.n) FILTER (WHERE NOT c.is_set) <> 0`,
  'discarded_at of a batch does not match its members': `
    SELECT b.id, format('discarded_at set %s times, %s discards', sets, discards) AS what
      FROM (
        SELECT b.id,
               (SELECT count(*)
                  FROM race_log.batch_changes c
                 WHERE c.batch_id = b.id AND c.what = 'discarded_at') AS sets,
               (SELECT count(*)
                  FROM race_log.job_changes c
                  JOIN good_jobs j ON j.id = c.job_id
                 WHERE j.batch_id = b.id
                   AND c.is_finished
                   AND c.error_event IN (4, 5)) AS discards
          FROM good_job_batches b) b
     WHERE sets <> least(discards, 1)`,
  'a callback was not enqueued exactly once, or did not run exactly once': `
    WITH due AS (
      SELECT b.id, 'finish' AS event, b.on_finish IS NOT NULL AS is_expected
        FROM good_job_batches b
      UNION ALL
      SELECT b.id, 'discard', b.on_discard IS NOT NULL AND b.discarded_at IS NOT NULL
        FROM good_job_batches b
      UNION ALL
      SELECT b.id, 'success',
             b.on_success IS NOT NULL AND EXISTS (
               SELECT 1
                 FROM race_log.batch_changes c
                WHERE c.batch_id = b.id AND c.what = 'jobs_finished_at' AND NOT c.discarded)
        FROM good_job_batches b)
    SELECT due.id,
           format('%s: %s enqueued, %s run, expected %s', event, count(DISTINCT j.id), count(l.n),
                  is_expected::int) AS what
      FROM due
      LEFT JOIN good_jobs j
        ON j.batch_callback_id = due.id
       AND j.serialized_params #>> '{arguments,1,event,value}' = due.event
      LEFT JOIN race_log.executions l ON l.job_id = j.id
     GROUP BY due.id, event, is_expected
    HAVING count(DISTINCT j.id) <> is_expected::int OR count(l.n) <> is_expected::int`,
};

/** Violations of a race with bulk runs; `race_log.targets` contains the jobs of the runs. */
export const BULK_VIOLATIONS: Record<string, string> = {
  ...Object.fromEntries(
    [
      'a job ran twice at once',
      'a finished job changed without a retry',
      'a worker claimed a job in an impossible state',
    ].map((rule) => [rule, VIOLATIONS[rule] ?? '']),
  ),
  'a run did not change one of its jobs exactly once': `
    SELECT t.job_id AS id, format('%s: changed %s times', t.action, count(c.n)) AS what
      FROM race_log.targets t
      LEFT JOIN race_log.job_changes c
        ON c.job_id = t.job_id
       AND c.actor = '${CONSOLE}'
       AND c.was_finished = (t.action = 'retry')
     WHERE t.action = 'retry'
     GROUP BY t.job_id, t.action
    HAVING count(c.n) <> 1`,
  'the console changed a job outside of its runs': `
    SELECT c.job_id AS id, 'error_event ' || coalesce(c.error_event::text, 'null') AS what
      FROM race_log.job_changes c
     WHERE c.actor = '${CONSOLE}'
       AND NOT EXISTS (SELECT 1 FROM race_log.targets t WHERE t.job_id = c.job_id)`,
};

/** Descriptions of all violations, with at most five rows of each rule. */
export async function findViolations(
  client: pg.Client,
  rules: Record<string, string> = VIOLATIONS,
): Promise<string[]> {
  const descriptions: string[] = [];
  for (const [rule, statement] of Object.entries(rules)) {
    const { rows } = await client.query<{ id: string | null; what: string }>(statement);
    descriptions.push(...rows.slice(0, 5).map(({ id, what }) => `${rule}: ${id ?? ''} ${what}`));
    if (rows.length > 5) descriptions.push(`${rule}: ${rows.length - 5} more`);
  }
  return descriptions;
}

export interface RaceActivity {
  executions: number;
  finishedByWorkers: number;
  done: Record<'discard' | 'retry' | 'reschedule', number>;
  undone: Record<'discard' | 'reschedule', number>;
  locked: number;
  conflict: number;
  batchesByConsole: number;
}

/** Counts what workers and the console have done so far. */
export async function readActivity(client: pg.Client): Promise<RaceActivity> {
  const count = async (statement: string) =>
    Number(
      (await client.query<{ n: string }>(`SELECT count(*) AS n FROM race_log.${statement}`)).rows[0]
        ?.n,
    );
  const done = (action: string) =>
    count(`outcomes WHERE outcome = 'done' AND action = '${action}'`);
  return {
    executions: await count('executions'),
    finishedByWorkers: await count(
      `job_changes WHERE actor <> '${CONSOLE}' AND is_finished AND NOT was_finished`,
    ),
    done: {
      discard: await done('discard'),
      retry: await done('retry'),
      reschedule: await done('reschedule'),
    },
    undone: { discard: await done('undo_discard'), reschedule: await done('undo_reschedule') },
    locked: await count(`outcomes WHERE outcome = 'locked'`),
    conflict: await count(`outcomes WHERE outcome = 'conflict'`),
    batchesByConsole: await count(
      `batch_changes WHERE actor = '${CONSOLE}' AND what = 'jobs_finished_at'`,
    ),
  };
}

const MIN_ACTIVITY = {
  done: 300,
  undone: 30,
  lockedOrConflict: 100,
  finishedPerMinute: 1000,
} as const;

/** Describes what happened too rarely for the race to be conclusive. */
export function missingActivity(
  { done, undone, locked, conflict, finishedByWorkers }: RaceActivity,
  seconds: number,
): string[] {
  const tooRare = (counts: Record<string, number>, what: 'done' | 'undone') =>
    Object.entries(counts)
      .filter(([, n]) => n < MIN_ACTIVITY[what])
      .map(
        ([action, n]) =>
          `not enough activity: ${n} × ${action} ${what}, expected ${MIN_ACTIVITY[what]}`,
      );
  const missing = [...tooRare(done, 'done'), ...tooRare(undone, 'undone')];
  if (locked + conflict < MIN_ACTIVITY.lockedOrConflict)
    missing.push(
      `not enough activity: ${locked + conflict} locked or in conflict, ` +
        `expected ${MIN_ACTIVITY.lockedOrConflict}`,
    );
  const rate = (finishedByWorkers / seconds) * 60;
  if (rate < MIN_ACTIVITY.finishedPerMinute)
    missing.push(
      `not enough activity: workers finished ${Math.round(rate)} jobs per minute, ` +
        `expected ${MIN_ACTIVITY.finishedPerMinute}`,
    );
  return missing;
}
