import type pg from 'pg';
import type { Ctx } from '../../lib/context/request-context';
import type { Tx } from '../../lib/db/database';
import type { GoodJobTables } from '../../lib/good-job/tables';
import { attentionGroup } from './attention-cases';
import { auditGroup } from './audit-cases';
import { batchGroup } from './batch-cases';
import { cronGroup } from './cron-cases';
import { failureGroup, performanceGroup } from './failure-cases';
import { jobGroup } from './job-cases';
import { overviewGroup } from './overview-cases';
import { queueGroup } from './queue-cases';

/** One page or endpoint of the console, and its SQL. */
export interface Case {
  name: string;
  /** Path and query, without a base path. */
  path: string;
  /** Runs the queries of the page as the page does. Returns ids that its response must contain. */
  sql: (ctx: Ctx) => Promise<string[]>;
  targets: Target[];
}

/** The target of a case in ms. `p95Over` is the name of another case of the same run. */
export type Target =
  | { p50AtMost: number }
  | { p95AtMost: number }
  | { p95OverSql: number }
  | { p95Over: string; by: number };

/** A write of which only the plan is recorded; its transaction is rolled back. */
export interface WritePlan {
  name: string;
  run: (tx: Tx, tables: GoodJobTables) => Promise<unknown>;
}

export interface Group {
  cases: Case[];
  writes: WritePlan[];
  /** Facts about the data of the group, one line each. */
  notes: string[];
  /** Cases for which this database has no data, each with the reason. */
  skipped: string[];
}

/** The groups of --only. */
export const GROUPS: Record<string, (client: pg.Client, tables: GoodJobTables) => Promise<Group>> =
  {
    attention: attentionGroup,
    batch: batchGroup,
    jobs: jobGroup,
    overview: overviewGroup,
    queues: queueGroup,
    audit: auditGroup,
    cron: cronGroup,
    failures: failureGroup,
    performance: performanceGroup,
  };
