import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';

export interface Statement {
  query: string;
  calls: number;
}

/** Excludes transaction control, settings and the statements of the bench. */
const COUNTED_STATEMENTS = `
  FROM pg_stat_statements s
  JOIN pg_database d ON d.oid = s.dbid
  WHERE d.datname = current_database()
    AND s.query !~* '^\\s*(BEGIN|START|COMMIT|ROLLBACK|SET|RESET|DEALLOCATE|DISCARD)\\y'
    AND s.query !~ 'pg_stat_statements|pg_stat_activity'`;

export const resetStatements = (client: pg.Client) =>
  client.query('SELECT pg_stat_statements_reset()');

export async function countStatements(client: pg.Client): Promise<Statement[]> {
  return (
    await client.query<Statement>(
      `SELECT s.query, s.calls::int AS calls ${COUNTED_STATEMENTS} ORDER BY s.calls DESC`,
    )
  ).rows;
}

export const totalCalls = (statements: Statement[]) =>
  statements.reduce((sum, { calls }) => sum + calls, 0);

/** Waits until the server's connections are idle, to include statements after the response. */
export async function waitUntilIdle(client: pg.Client): Promise<void> {
  for (let idle = 0; idle < 4;) {
    const { rows } = await client.query<{ busy: number }>(
      `SELECT count(*)::int AS busy
       FROM pg_stat_activity
       WHERE application_name = 'good_job_console'
         AND state <> 'idle'
         AND datname = current_database()`,
    );
    idle = rows[0]?.busy === 0 ? idle + 1 : 0;
    await sleep(25);
  }
}
