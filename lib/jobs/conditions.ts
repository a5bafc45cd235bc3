import sql, { type Sql, join } from 'sql-template-tag';
import { isInState } from '../good-job/states';
import type { GoodJob } from '../good-job/tables';
import type { JobFilter, ValueParam } from './filters';

/** A filter as a condition on the alias `j`; TRUE when it has none. */
export function conditions(gj: GoodJob, filter: Pick<JobFilter, 'state' | 'values'>): Sql {
  const all = Object.entries(filter.values).map(([name, value]) => condition(gj, name as ValueParam, value));
  if (filter.state) all.push(sql`(${isInState(filter.state)})`);
  return all.length > 0 ? join(all, ' AND ') : sql`true`;
}

function condition(gj: GoodJob, name: ValueParam, value: string): Sql {
  switch (name) {
    case 'queue_name': // index_good_jobs_on_queue_name
      return sql`j.queue_name = ${value}`;
    case 'job_class': // index_good_jobs_on_job_class
      return sql`j.job_class = ${value}`;
    case 'label': // index_good_jobs_on_labels
      return sql`j.labels @> ARRAY[${value}]::text[]`;
    case 'cron_key': // index_good_jobs_on_cron_key_and_created_at_cond
      return sql`j.cron_key = ${value}`;
    case 'process_id': // …_on_locked_by_id, …_executions_on_process_id_and_created_at
      return sql`(j.locked_by_id = ${value} OR j.id IN (SELECT e.active_job_id FROM ${gj.executions} e WHERE e.process_id = ${value}))`;
  }
}
