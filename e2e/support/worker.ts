import { type Site, connect } from './site';

/** Holds a job as a worker of the advisory strategy does, by a session of its own; the function returned lets it go. */
export async function holdJob(site: Site, id: string): Promise<() => Promise<void>> {
  const session = await connect(site.databaseUrl);
  await session.query(
    `SELECT pg_advisory_lock(('x' || substr(md5('good_jobs-' || $1::text), 1, 16))::bit(64)::bigint)`,
    [id],
  );
  return () => session.end();
}

/** A process' own advisory lock, as an expression: a session that holds it is what keeps it alive. */
export const processLock = (id: string): string =>
  `('x' || substr(md5('good_job_processes-${id}'), 1, 16))::bit(64)::bigint`;
