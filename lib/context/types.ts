import type { Viewer } from '../auth/roles';
import type { DetectedConsoleSchema } from '../console-schema/setup';
import type { Application } from '../core/href';
import type { Database } from '../db/database';
import type { GoodJobTables } from '../good-job/tables';

/** The context of every query and mutation: the viewer, the database and its detected schema. */
export interface Ctx extends Omit<DetectedConsoleSchema, 'revokedSessions'> {
  /** The application that the request is about. */
  application: Application;
  viewer: Viewer;
  db: Pick<Database, 'read' | 'connections'>;
  tables: GoodJobTables;
  /** READ_ONLY=1, a standby server, or a role without write privileges. */
  readOnly: boolean;
  /**
   * Denied and failed attempts can be written to the audit: not under READ_ONLY=1 or on a standby.
   */
  recordsAttempts: boolean;
  requestId: string;
  /**
   * Time since the viewer's last action, which limits the age of cached counts; Infinity: no limit.
   */
  maxAgeMs: number;
  /** The viewer's reason for the action. */
  reason: string | null;
  /** AUDIT_REASON=required. */
  reasonRequired: boolean;
  /** Time after which a search without an index returns partial results. */
  searchBudgetMs: number;
  /** Maximum rows of a bulk run without the permission `bulk.large`. */
  bulkOperatorLimit: number;
}
