import type { Viewer } from '../auth/roles';
import type { DetectedConsoleSchema } from '../console-schema/setup';
import type { Database } from '../db/database';
import type { GoodJobTables } from '../good-job/tables';

/** What every query and mutation takes: who is asking, and how to reach the database as it is. */
export interface Ctx extends Omit<DetectedConsoleSchema, 'revokedSessions'> {
  viewer: Viewer;
  db: Pick<Database, 'read' | 'connections'>;
  tables: GoodJobTables;
  /** READ_ONLY=1, a standby, or a role without the needed grants. */
  readOnly: boolean;
  /** What came to nothing may be recorded too: not under READ_ONLY=1 or on a standby. */
  recordsAttempts: boolean;
  requestId: string;
  /** Milliseconds since the viewer's last action: cached counts must not be older. Infinity: any age is accepted. */
  maxAgeMs: number;
  /** Why the viewer does it, in their own words. */
  reason: string | null;
  /** AUDIT_REASON=required */
  reasonRequired: boolean;
  /** Milliseconds that a search without an index may take before it says how far it came. */
  searchBudgetMs: number;
  /** Rows of a bulk run that needs no `bulk.large`. */
  bulkOperatorLimit: number;
}
