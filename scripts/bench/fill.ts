import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { TABLES } from '../../lib/good-job/tables';
import { BATCHES_SQL, JOBS_SQL, prepareSql } from './fill-sql';
import { largeBatches } from './large-batches';

const DAYS = 14;
const CHUNK = 50_000;

/** The comment of a filled database; with another size or other SQL it is filled again. */
function fillComment(jobs: number): string {
  const recipe = JSON.stringify([JOBS_SQL, BATCHES_SQL, largeBatches(jobs), DAYS]);
  const hash = createHash('sha256').update(recipe).digest('hex').slice(0, 12);
  return `good-job-console bench: ${jobs} jobs, recipe ${hash}`;
}

/** Fills the scratch database unless it contains the same jobs; `log` gets a line per step. */
export async function fill(url: string, jobs: number, log: (line: string) => void): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'good_job_console_bench',
  });
  await client.connect();
  try {
    const { rows } = await client.query<{ mark: string | null }>(
      `SELECT obj_description(to_regclass('public.good_jobs'), 'pg_class') AS mark`,
    );
    if (rows[0]?.mark === fillComment(jobs))
      return log(`The scratch database already contains ${jobs} jobs.`);
    const startedAt = Date.now();
    await createTables(client, jobs, (line) =>
      log(`${line} (${((Date.now() - startedAt) / 1000).toFixed(0)} s)`),
    );
    await client.query(`COMMENT ON TABLE good_jobs IS ${pg.escapeLiteral(fillComment(jobs))}`);
  } finally {
    await client.end();
  }
}

/** Creates GoodJob's indexes after the rows, which makes inserts ten times as fast. */
async function createTables(
  client: pg.Client,
  jobs: number,
  log: (line: string) => void,
): Promise<void> {
  const schemaSql = await readFile(
    fileURLToPath(new URL('../../test/fixtures/good_job-4.19.2.sql', import.meta.url)),
    'utf8',
  );
  const statements = schemaSql
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter(Boolean);
  const isTable = (statement: string) => /CREATE TABLE/.test(statement);
  await client.query(`SET TIME ZONE 'UTC'; DROP TABLE IF EXISTS ${TABLES.join(', ')}`);
  for (const statement of statements.filter(isTable)) await client.query(statement);
  await insertJobs(client, jobs, log);
  for (const [n, statement] of statements.filter((statement) => !isTable(statement)).entries()) {
    await client.query(statement);
    if (n % 10 === 9) log(`${n + 1} keys and indexes created`);
  }
  await client.query(BATCHES_SQL);
  await client.query('VACUUM ANALYZE');
  await client.query('CHECKPOINT');
  log('vacuumed and analysed');
}

async function insertJobs(
  client: pg.Client,
  jobs: number,
  log: (line: string) => void,
): Promise<void> {
  const batches = largeBatches(jobs);
  await client.query(prepareSql(batches));
  const smallJobs =
    jobs - batches.reduce((sum, { size, done }) => sum + size + (done === 1 ? 1 : 0), 0);
  const seconds = DAYS * 24 * 3600;
  const { rows } = await client.query<{ first: string }>(
    `SELECT (at - interval '${DAYS} days')::text AS first FROM clock`,
  );
  let loggedPercent = 0;
  for (let from = 1; from <= smallJobs; from += CHUNK) {
    const to = Math.min(from + CHUNK - 1, smallJobs);
    await client.query(JOBS_SQL, [rows[0]?.first, seconds / smallJobs, from, to, seconds]);
    const percent = Math.floor((to / smallJobs) * 10) * 10;
    if (percent > loggedPercent) log(`${percent} % of ${jobs} jobs and their executions`);
    loggedPercent = percent;
  }
}
