import type pg from 'pg';
import type { GoodJobTables } from '../../lib/good-job/tables';

/** A batch that the bench measures, with the values that its cases need. */
export interface MeasuredBatch {
  /** The nominal size; the actual size is between half and double that. */
  nominal: 10 | 10_000 | 100_000;
  age: 'recent' | 'old';
  flavour: 'ascending' | 'bulk';
  id: string;
  jobs: number;
  createdAt: string;
  /** The job before the middle page, newest first. */
  middleId: string;
  /** The class of some of its jobs. */
  jobClass: string | null;
}

interface Subjects {
  batches: MeasuredBatch[];
  /** Jobs for the job page: a succeeded one, and a discarded one with several executions. */
  jobs: { kind: 'succeeded' | 'discarded'; id: string; executions: number }[];
  totalJobs: number;
}

/** A batch is old if at least this many jobs are newer. */
const OLD_AFTER = 500_000;
const CANDIDATES = 40;

interface Candidate {
  id: string;
  jobs: number;
  first: string;
  last: string;
}

type Nominal = MeasuredBatch['nominal'];
type Kind = Pick<MeasuredBatch, 'age' | 'flavour'>;
type Query = <Row extends pg.QueryResultRow>(text: string, values?: unknown[]) => Promise<Row[]>;

/** The kinds of batches to find for each nominal size. */
const KINDS: Record<Nominal, Kind[]> = {
  10: [{ age: 'recent', flavour: 'ascending' }],
  10_000: [
    { age: 'recent', flavour: 'ascending' },
    { age: 'old', flavour: 'ascending' },
  ],
  100_000: [
    { age: 'recent', flavour: 'ascending' },
    { age: 'recent', flavour: 'bulk' },
    { age: 'old', flavour: 'ascending' },
    { age: 'old', flavour: 'bulk' },
  ],
};

/** Batches of half to double the nominal size, newest first. */
function findCandidates(query: Query, tables: GoodJobTables, nominal: Nominal) {
  const jobs = tables.jobs.sql;
  return query<Candidate>(
    `SELECT b.id, b.jobs, j.first::text, j.last::text
     FROM (
       SELECT batch_id AS id, count(*)::int AS jobs
       FROM ${jobs}
       WHERE batch_id IS NOT NULL
       GROUP BY batch_id
       HAVING count(*) BETWEEN $1 AND $2
       ORDER BY abs(count(*) - $3), batch_id
       LIMIT ${CANDIDATES}
     ) b
     JOIN ${tables.batches.sql} r USING (id)
     CROSS JOIN LATERAL (
       SELECT min(created_at) AS first, max(created_at) AS last
       FROM ${jobs}
       WHERE batch_id = b.id
     ) j
     WHERE j.last <= clock_timestamp()
     ORDER BY j.last DESC`,
    [nominal / 2, nominal * 2, nominal],
  );
}

/** The job in the middle of a batch. */
async function findMiddleJob(query: Query, tables: GoodJobTables, { id, jobs }: Candidate) {
  const [middle] = await query<{ id: string; createdAt: string; jobClass: string | null }>(
    `SELECT j.id,
       (SELECT b.created_at::text FROM ${tables.batches.sql} b WHERE b.id = $1) AS "createdAt",
       j.job_class AS "jobClass"
     FROM ${tables.jobs.sql} j
     WHERE j.batch_id = $1
     ORDER BY j.created_at DESC, j.id DESC
     OFFSET $2
     LIMIT 1`,
    [id, Math.floor(jobs / 2)],
  );
  return middle;
}

async function findBatches(
  query: Query,
  tables: GoodJobTables,
  nominal: Nominal,
  oldBefore: string | undefined,
): Promise<MeasuredBatch[]> {
  const candidates = await findCandidates(query, tables, nominal);
  const subjects: MeasuredBatch[] = [];
  for (const { age, flavour } of KINDS[nominal]) {
    const candidate = candidates.find(({ first, last }) => {
      const candidateAge = oldBefore !== undefined && last < oldBefore ? 'old' : 'recent';
      const candidateFlavour = first === last ? 'bulk' : 'ascending';
      return candidateAge === age && (nominal === 10 || candidateFlavour === flavour);
    });
    if (!candidate) continue;
    const middle = await findMiddleJob(query, tables, candidate);
    if (!middle) continue;
    const { id, jobs } = candidate;
    const { id: middleId, createdAt, jobClass } = middle;
    subjects.push({ nominal, age, flavour, id, jobs, createdAt, middleId, jobClass });
  }
  return subjects;
}

/** The recent job with the most executions that matches `where`. */
async function findJob(
  query: Query,
  tables: GoodJobTables,
  kind: 'succeeded' | 'discarded',
  where: string,
): Promise<Subjects['jobs']> {
  const rows = await query<{ id: string; executions: number }>(
    `SELECT j.id,
       (SELECT count(*)::int
        FROM ${tables.executions.sql} e
        WHERE e.active_job_id = j.id) AS executions
     FROM (
       SELECT *
       FROM ${tables.jobs.sql} j
       WHERE ${where}
       ORDER BY finished_at DESC
       LIMIT 200
     ) j
     ORDER BY 2 DESC, j.id
     LIMIT 1`,
  );
  return rows.map((row) => ({ kind, ...row }));
}

/** Finds batches and jobs for the cases in an existing database; omits what does not exist. */
export async function findMeasuredBatches(
  client: pg.Client,
  tables: GoodJobTables,
): Promise<Subjects> {
  const jobs = tables.jobs.sql;
  const query: Query = async <Row extends pg.QueryResultRow>(
    text: string,
    values: unknown[] = [],
  ) => (await client.query<Row>(text, values)).rows;
  const [border] = await query<{ at: string }>(
    `SELECT created_at::text AS at
     FROM ${jobs}
     ORDER BY created_at DESC
     OFFSET ${OLD_AFTER}
     LIMIT 1`,
  );
  const [total] = await query<{ n: string }>(`SELECT count(*) AS n FROM ${jobs}`);
  const batches: MeasuredBatch[] = [];
  for (const nominal of [10, 10_000, 100_000] as const)
    batches.push(...(await findBatches(query, tables, nominal, border?.at)));
  const succeeded = 'finished_at IS NOT NULL AND error IS NULL';
  const discarded = 'finished_at IS NOT NULL AND error IS NOT NULL';
  return {
    batches,
    jobs: [
      ...(await findJob(query, tables, 'succeeded', succeeded)),
      ...(await findJob(query, tables, 'discarded', discarded)),
    ],
    totalJobs: Number(total?.n ?? 0),
  };
}
