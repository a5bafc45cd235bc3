import type pg from 'pg';
import type { GoodJobTables } from '../../lib/good-job/tables';

/** A batch that cases are about, and the rows of it that they need. */
export interface BatchSubject {
  /** As the issue counts: 10, 10,000, 100,000; a batch of half to double the size will do. */
  nominal: 10 | 10_000 | 100_000;
  age: 'recent' | 'old';
  flavour: 'ascending' | 'bulk';
  id: string;
  jobs: number;
  createdAt: string;
  /** The job before the middle page, newest first. */
  middleId: string;
  /** A class that some of its jobs have. */
  jobClass: string | null;
}

export interface Subjects {
  batches: BatchSubject[];
  /** Jobs for the job page: one that succeeded, one that was given up after several executions. */
  jobs: { kind: 'succeeded' | 'discarded'; id: string; executions: number }[];
  totalJobs: number;
}

/** Newer jobs that make a batch an old one. */
const OLD_AFTER = 500_000;
const CANDIDATES = 40;

interface Found {
  id: string;
  jobs: number;
  first: string;
  last: string;
}

/** Looks for what the cases need in the database as it is; what is not there is left out. Reads indexes and the batches in question. */
export async function findSubjects(client: pg.Client, tables: GoodJobTables): Promise<Subjects> {
  const [jobs, executions, batches] = [tables.jobs.sql, tables.executions.sql, tables.batches.sql];
  const all = async <Row>(text: string, values: unknown[] = []) =>
    (await client.query(text, values)).rows as Row[];
  const [border] = await all<{ at: string }>(
    `SELECT created_at::text AS at FROM ${jobs} ORDER BY created_at DESC OFFSET ${OLD_AFTER} LIMIT 1`,
  );
  const [total] = await all<{ n: string }>(`SELECT count(*) AS n FROM ${jobs}`);

  const subjects: BatchSubject[] = [];
  for (const nominal of [10, 10_000, 100_000] as const) {
    const found = await all<Found>(
      `
      SELECT b.id, b.jobs, j.first::text, j.last::text
        FROM (SELECT batch_id AS id, count(*)::int AS jobs FROM ${jobs} WHERE batch_id IS NOT NULL GROUP BY batch_id HAVING count(*) BETWEEN $1 AND $2
               ORDER BY abs(count(*) - $3), batch_id LIMIT ${CANDIDATES}) b
        JOIN ${batches} r USING (id) CROSS JOIN LATERAL (SELECT min(created_at) AS first, max(created_at) AS last FROM ${jobs} WHERE batch_id = b.id) j
       WHERE j.last <= clock_timestamp() ORDER BY j.last DESC`,
      [nominal / 2, nominal * 2, nominal],
    );
    const kinds =
      nominal === 100_000
        ? ([
            ['recent', 'ascending'],
            ['recent', 'bulk'],
            ['old', 'ascending'],
            ['old', 'bulk'],
          ] as const)
        : ([
            ['recent', 'ascending'],
            ['old', 'ascending'],
          ] as const);
    for (const [age, flavour] of nominal === 10 ? kinds.slice(0, 1) : kinds) {
      const one = found.find(
        ({ first, last }) =>
          (border !== undefined && last < border.at ? 'old' : 'recent') === age &&
          (nominal === 10 || (first === last ? 'bulk' : 'ascending') === flavour),
      );
      if (!one) continue;
      const [middle] = await all<{ id: string; createdAt: string; jobClass: string | null }>(
        `
        SELECT j.id, (SELECT b.created_at::text FROM ${batches} b WHERE b.id = $1) AS "createdAt", j.job_class AS "jobClass"
          FROM ${jobs} j WHERE j.batch_id = $1 ORDER BY j.created_at DESC, j.id DESC OFFSET $2 LIMIT 1`,
        [one.id, Math.floor(one.jobs / 2)],
      );
      if (middle)
        subjects.push({
          nominal,
          age,
          flavour,
          id: one.id,
          jobs: one.jobs,
          createdAt: middle.createdAt,
          middleId: middle.id,
          jobClass: middle.jobClass,
        });
    }
  }

  const job = (kind: 'succeeded' | 'discarded', where: string) =>
    all<{ id: string; executions: number }>(`
    SELECT j.id, (SELECT count(*)::int FROM ${executions} e WHERE e.active_job_id = j.id) AS executions
      FROM (SELECT * FROM ${jobs} j WHERE ${where} ORDER BY finished_at DESC LIMIT 200) j ORDER BY 2 DESC, j.id LIMIT 1`).then(
      (rows) => rows.map((row) => ({ kind, ...row })),
    );
  return {
    batches: subjects,
    jobs: [
      ...(await job('succeeded', 'finished_at IS NOT NULL AND error IS NULL')),
      ...(await job('discarded', 'finished_at IS NOT NULL AND error IS NOT NULL')),
    ],
    totalJobs: Number(total?.n ?? 0),
  };
}
