/** GoodJob's advisory lock on a row, as an SQL expression. */
export function lockKey(table: 'good_jobs' | 'good_job_batches' | 'good_job_processes', id: string): string {
  return `('x' || substr(md5('${table}-${id}'), 1, 16))::bit(64)::bigint`;
}
