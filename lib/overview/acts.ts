import 'server-only';
import sql, { raw } from 'sql-template-tag';
import { z } from 'zod';
import { AUDIT_EVENTS } from '../audit/recorder';
import { AUDIT_OUTCOMES, AUDIT_TARGET_TYPES, MAX_REASON } from '../audit/types';
import type { Ctx } from '../context/types';
import { ignoreTimeout } from '../core/errors';
import { escapeBidi, timestampMs } from '../core/text';
import { limitedJson } from '../db/text-limit';
import { redactName } from '../redaction/redaction';
import { newPageBudget } from '../redaction/row-texts';
import type { Act, Acts, Mark, Marks } from './types';

const TIMEOUT_MS = 1_000;
/** Audit records to read, the newest first. */
const MAX_RECORDS = 200;
const MAX_LATEST = 5;
const MAX_MARKS = 30;
const MAX_TEXT = 300;
const MAX_COUNTS_BYTES = 1_000;
/** Processes whose starts are less apart are one mark. */
const START_GROUP_MS = 120_000;

const storedActRow = z.strictObject({
  id: z.string(),
  at: z.string(),
  viewer: z.string(),
  action: z.string(),
  outcome: z.enum(AUDIT_OUTCOMES),
  targetType: z.enum(AUDIT_TARGET_TYPES),
  targetId: z.string().nullable(),
  targetName: z.string().nullable(),
  targets: z.number(),
  jobClass: z.string().nullable(),
  counts: z.string().nullable(),
  reason: z.string().nullable(),
  isBulk: z.boolean(),
});

const storedCounts = z.record(z.string(), z.unknown());

/**
 * Reads the newest records by audit_events_created_at, with the class of a single job by its key;
 * empty without the console's schema, null if that takes too long.
 */
export async function readActs(ctx: Ctx): Promise<Act[] | null> {
  if (!ctx.consoleSchema) return [];
  const text = (column: string) => sql`left(e.${raw(column)}, ${MAX_TEXT}::int)`;
  const rows = await ctx.db
    .read(
      (tx) =>
        tx.query(
          storedActRow,
          sql`
            SELECT e.id,
                   e.created_at AS at,
                   ${text('viewer')} AS viewer,
                   ${text('action')} AS action,
                   e.outcome,
                   ${text('target_type')} AS "targetType",
                   e.target_ids[1] AS "targetId",
                   ${text('target_name')} AS "targetName",
                   cardinality(e.target_ids) AS targets,
                   CASE WHEN e.target_type = 'job' AND cardinality(e.target_ids) = 1
                        THEN (SELECT left(j.job_class, ${MAX_TEXT}::int)
                                FROM ${ctx.tables.jobs} j
                               WHERE j.id = e.target_ids[1])
                   END AS "jobClass",
                   ${limitedJson(sql`e.counts`, MAX_COUNTS_BYTES)} AS counts,
                   left(e.reason, ${MAX_REASON}::int) AS reason,
                   coalesce(e.details ? 'bulk_run', false) AS "isBulk"
              FROM ${AUDIT_EVENTS} e
             ORDER BY e.created_at DESC, e.id DESC
             LIMIT ${MAX_RECORDS}`,
        ),
      { timeoutMs: TIMEOUT_MS, byIndexOnly: true },
    )
    .catch(ignoreTimeout);
  if (!rows) return null;
  const budget = newPageBudget();
  const acts: Act[] = [];
  for (const row of rows) {
    acts.push(toAct(row));
    await budget.yieldIfDue();
  }
  return acts;
}

function toAct({ counts, ...row }: z.infer<typeof storedActRow>): Act {
  const redact = (text: string | null) => text && escapeBidi(redactName(text));
  const { done } = storedCounts.parse(JSON.parse(counts ?? '{}'));
  return {
    ...row,
    viewer: escapeBidi(row.viewer),
    targetName: redact(row.targetName),
    jobClass: redact(row.jobClass),
    reason: redact(row.reason),
    done: typeof done === 'number' ? done : 0,
  };
}

/** Returns the newest acts for the list. */
export function latestActs(ctx: Ctx, acts: Act[]): Acts {
  return { latest: acts.slice(0, MAX_LATEST), isRecorded: ctx.consoleSchema };
}

/**
 * Returns the marks since `sinceMs`: pauses and bulk runs that changed something, and the starts of
 * workers, of which those less than two minutes apart are one mark.
 */
export function marksSince(acts: Act[], startsMs: number[], sinceMs: number): Marks {
  const marks = [...acts.flatMap(markOf), ...startMarks(startsMs)]
    .filter(({ atMs }) => atMs >= sinceMs)
    .sort((a, b) => a.atMs - b.atMs);
  const oldest = acts.at(-1);
  const mayBeMore =
    acts.length === MAX_RECORDS && oldest !== undefined && timestampMs(oldest.at) > sinceMs;
  return { marks: marks.slice(-MAX_MARKS), more: marks.length > MAX_MARKS || mayBeMore };
}

function markOf(act: Act): Mark[] {
  if (!['done', 'mixed', 'started'].includes(act.outcome)) return [];
  const atMs = timestampMs(act.at);
  if (act.action === 'pause.pause') return [{ kind: 'pause', atMs, act }];
  if (act.action === 'pause.unpause') return [{ kind: 'unpause', atMs, act }];
  return act.isBulk ? [{ kind: 'bulk', atMs, act }] : [];
}

function startMarks(startsMs: number[]): Mark[] {
  const marks: { kind: 'workers'; atMs: number; processes: number; lastMs: number }[] = [];
  for (const atMs of [...startsMs].sort((a, b) => a - b)) {
    const group = marks.at(-1);
    if (group && atMs - group.lastMs < START_GROUP_MS) {
      group.processes += 1;
      group.lastMs = atMs;
    } else marks.push({ kind: 'workers', atMs, processes: 1, lastMs: atMs });
  }
  return marks.map(({ kind, atMs, processes }) => ({ kind, atMs, processes }));
}
