import type pg from 'pg';
import { parseAuditFilter } from '../../lib/audit-log/filters';
import { listAudit, listViewers } from '../../lib/audit-log/queries';
import type { Ctx } from '../../lib/context/request-context';
import type { Case, Group, Target } from './cases';

const WITHIN_SQL: Target = { p95OverSql: 60 };
const P50_TARGET: Target = { p50AtMost: 50 };

/** The queries of app/(console)/audit/page.tsx. */
async function auditPage(ctx: Ctx, query: string): Promise<string[]> {
  const [page] = await Promise.all([
    listAudit(ctx, parseAuditFilter(new URLSearchParams(query), 'UTC')),
    listViewers(ctx),
  ]);
  return page.rows.map((row) => row.requestId);
}

/** Uses a record in the middle, so that every filter matches and a page has rows on both sides. */
export async function auditGroup(client: pg.Client): Promise<Group> {
  const skip = (reason: string): Group => ({
    cases: [],
    writes: [],
    notes: [],
    skipped: [reason],
  });
  const { rows: tables } = await client.query(
    `SELECT 1
     FROM pg_attribute
     WHERE attrelid = to_regclass('good_job_console.audit_events')
       AND attname = 'outcome'`,
  );
  if (tables.length === 0) return skip('no audit: the console schema does not exist');
  const { rows } = await client.query<{
    id: string;
    request: string;
    target: string;
    viewer: string;
  }>(`
    SELECT id, request_id AS request, target_ids[1] AS target, viewer
    FROM good_job_console.audit_events
    WHERE id >= (SELECT max(id) / 2 FROM good_job_console.audit_events)
      AND cardinality(target_ids) > 0
    ORDER BY id
    LIMIT 1`);
  const [middle] = rows;
  if (!middle) return skip('no audit records');
  const viewer = encodeURIComponent(middle.viewer);
  const weekAgo = new Date(Date.now() - 7 * 86_400_000).toISOString();
  const queries: [name: string, query: string][] = [
    ['newest', ''],
    ['middle page', `after_id=${middle.id}`],
    ['one viewer', `viewer=${viewer}`],
    ['refused', 'outcome=refused'],
    ['refused, one viewer, a week', `outcome=refused&viewer=${viewer}&from=${weekAgo}`],
    ['one job', `target=${middle.target}`],
    ['one queue', 'target=queue4'],
    ['one request', `request_id=${middle.request}`],
  ];
  const page = ([name, query]: [string, string]): Case => ({
    name: `audit, ${name}`,
    path: `/audit${query && `?${query}`}`,
    sql: (ctx) => auditPage(ctx, query),
    targets: [P50_TARGET, WITHIN_SQL],
  });
  return { cases: queries.map(page), writes: [], notes: [], skipped: [] };
}
