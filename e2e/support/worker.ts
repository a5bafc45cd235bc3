import { type Site, connect } from './site';

/**
 * Locks a job in a separate session, as a worker with advisory locks does; returns a function that
 * unlocks it.
 */
export async function lockJob(site: Site, id: string): Promise<() => Promise<void>> {
  const session = await connect(site.databaseUrl);
  await session.query(
    `SELECT pg_advisory_lock(
       ('x' || substr(md5('good_jobs-' || $1::text), 1, 16))::bit(64)::bigint
     )`,
    [id],
  );
  return () => session.end();
}

/** SQL expression of the advisory lock that marks a process as alive. */
export const processLock = (id: string): string =>
  `('x' || substr(md5('good_job_processes-${id}'), 1, 16))::bit(64)::bigint`;
