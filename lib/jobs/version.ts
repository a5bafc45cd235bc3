import 'server-only';
import sql from 'sql-template-tag';
import { AUDIT_EVENTS } from '../audit/audit';
import type { Ctx } from '../ctx';
import { isHeld } from '../good-job/locks';
import { isPaused } from '../good-job/pauses';
import { stateOf } from '../good-job/states';

/** A version of what the page of a job shows. */
export interface JobVersion {
  version: string;
}

/**
 * Changes whenever the page of a job does: with its row, its last execution, its history, its worker, its pause, and
 * with the time where its state depends on that. Null: the job does not exist.
 */
export async function getJobVersion(ctx: Ctx, id: string): Promise<JobVersion | null> {
  const { gj } = ctx;
  const history = ctx.consoleSchema
    ? sql`(SELECT max(a.created_at) FROM ${AUDIT_EVENTS} a WHERE a.target_ids @> ARRAY[${id}]::uuid[])`
    : sql`NULL`;
  const [row] = await ctx.db.read((tx) =>
    tx.query<JobVersion>(sql`
      SELECT md5(jsonb_build_array(
               j.xmin::text, ${stateOf}, ${isHeld(gj)}, ${isPaused(gj)},
               (SELECT p.updated_at FROM ${gj.processes} p WHERE p.id = j.locked_by_id),
               (SELECT jsonb_build_array(e.id, e.xmin::text) FROM ${gj.executions} e
                 WHERE e.active_job_id = j.id ORDER BY e.created_at DESC, e.id DESC LIMIT 1),
               ${history})::text) AS version
        FROM ${gj.jobs} j WHERE j.id = ${id}`),
  );
  return row ?? null;
}
