import { raw, type Sql } from 'sql-template-tag';
import type { DetectedSchema, TableName } from './schema';

/** What only the Rails application knows, and the tables cannot tell. */
export interface AppSettings {
  /** `Rails.application` name in GlobalIDs (`gid://<app>/…`); null: read it from stored callback jobs. */
  appName: string | null;
  /** `I18n.default_locale` of the app: fills a job's missing `locale`. Never the operator's own language. */
  locale: string;
  /** `Time.zone` of the app: fills a job's missing `timezone`. */
  timeZone: string;
  /** `config.good_job.dequeue_query_sort`: with `created_at` a retry moves `created_at` to now. */
  dequeueQuerySort: 'created_at' | 'scheduled_at';
}

/** GoodJob's tables as they are in this database: qualified names, and NULL in place of a column that is missing. */
export class GoodJobTables {
  readonly jobs: Sql;
  readonly executions: Sql;
  readonly batches: Sql;
  readonly processes: Sql;
  readonly settings: Sql;

  constructor(
    readonly schema: DetectedSchema,
    readonly app: AppSettings,
  ) {
    const table = (name: TableName) =>
      raw(`${quoteIdentifier(schema.name)}.${quoteIdentifier(name)}`);
    this.jobs = table('good_jobs');
    this.executions = table('good_job_executions');
    this.batches = table('good_job_batches');
    this.processes = table('good_job_processes');
    this.settings = table('good_job_settings');
  }

  has(table: TableName, column: string): boolean {
    return this.schema.columns[table].some(({ name }) => name === column);
  }

  /**
   * A column that older 4.x schemas lack, as an expression: the column, or a typed NULL.
   * `alias` is the table's alias in the query.
   */
  column(table: TableName, alias: string, column: string, type: string): Sql {
    return raw(this.has(table, column) ? `${alias}.${quoteIdentifier(column)}` : `NULL::${type}`);
  }

  /** `good_job_batches.jobs_finished_at` came with GoodJob 4.3; before it `finished_at` takes its place. */
  get jobsFinishedAt(): Sql {
    return raw(
      this.has('good_job_batches', 'jobs_finished_at') ? 'jobs_finished_at' : 'finished_at',
    );
  }
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
