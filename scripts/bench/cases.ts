import type pg from 'pg';
import type { Ctx } from '../../lib/context/types';
import type { Tx } from '../../lib/db/database';
import type { GoodJobTables } from '../../lib/good-job/tables';
import { attentionGroup } from './attention-cases';
import { auditGroup } from './audit-cases';
import { batchGroup } from './batch-cases';
import { cronGroup } from './cron-cases';
import { failureGroup, performanceGroup } from './failure-cases';
import { jobGroup } from './job-cases';
import { queueGroup } from './queue-cases';

/** One page or door of the console, and the SQL behind it. */
export interface Case {
  name: string;
  /** Path and query, without a base path. */
  path: string;
  /** The queries of that page, run the way the page runs them. Returns ids that its answer must then contain. */
  sql: (ctx: Ctx) => Promise<string[]>;
  targets: Target[];
}

/** What is promised of a case, ms. `over`: another case of the same run. */
export type Target =
  | { p50AtMost: number }
  | { p95AtMost: number }
  | { p95OverSql: number }
  | { p95Over: string; by: number };

/** A write that is looked at for its plan alone, in a transaction that is rolled back. */
export interface WritePlan {
  name: string;
  run: (tx: Tx, tables: GoodJobTables) => Promise<unknown>;
}

export interface Group {
  cases: Case[];
  writes: WritePlan[];
  /** What the group is about in this database, one line each. */
  about: string[];
  /** Cases that this database has no data for, each with the reason. */
  skipped: string[];
}

/** The groups that --only chooses from. */
export const GROUPS: Record<string, (client: pg.Client, tables: GoodJobTables) => Promise<Group>> =
  {
    attention: attentionGroup,
    batch: batchGroup,
    jobs: jobGroup,
    queues: queueGroup,
    audit: auditGroup,
    cron: cronGroup,
    failures: failureGroup,
    performance: performanceGroup,
  };
