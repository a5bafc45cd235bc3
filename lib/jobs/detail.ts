import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import type { Ctx } from '../ctx';
import { MAX_FULL_TEXT_BYTES, MAX_TEXT_BYTES } from '../db/text-limit';
import { decodeActiveJobInSteps } from '../good-job/active-job-values';
import { prettyJsonInSteps } from '../good-job/json';
import { isHeld } from '../good-job/locks';
import { judge } from '../good-job/actions';
import { paramsProblem } from '../good-job/params';
import { isBlank } from '../good-job/blank';
import { HIDDEN } from '../redaction/redaction';
import { cut } from '../text';
import {
  ERROR_SHOWN,
  newFullTextBudget,
  newJobBudget,
  redactTexts,
  storedTextColumns,
} from './job-texts';
import { type ReadJobRow, jobRowColumns, listedFacts } from './list';
import type { RedactedTexts, StoredTexts } from './job-texts';
import type { JobDetail } from './types';

/** Characters shown at first; the page offers the rest. */
const ARGUMENTS_SHOWN = 8_000;

const NAME_SHOWN = 300;
const LABELS_SHOWN = 100;

/** Decompressed once: paramsProblem looks at a dozen keys. Concatenation with an empty object returns the value itself. */
const boundedProblem: Sql = sql`(SELECT ${paramsProblem(sql`p.params`)} FROM (SELECT j.serialized_params || '{}'::jsonb AS params OFFSET 0) p)`;

type DetailRow = ReadJobRow &
  Pick<
    JobDetail,
    | 'createdAt'
    | 'scheduledAt'
    | 'performedAt'
    | 'finishedAt'
    | 'cronAt'
    | 'batchCallbackId'
    | 'lockedById'
    | 'processSeenAt'
    | 'held'
  > & {
    finished: boolean;
    errorPresent: boolean;
    paramsProblem:
      'params_not_an_object' | 'params_without_job_class' | 'params_of_wrong_type' | null;
  };

/**
 * A job with everything its page shows but the raw JSON; null when there is none. `all`: its texts are read up to
 * MAX_FULL_TEXT_BYTES each, and are not cut.
 */
export async function getJob(
  ctx: Ctx,
  id: string,
  { all = false } = {},
): Promise<JobDetail | null> {
  const { gj } = ctx;
  const maxBytes = all ? MAX_FULL_TEXT_BYTES : MAX_TEXT_BYTES;
  const [row] = await ctx.db.read((tx) =>
    tx.query<DetailRow>(sql`
      SELECT ${jobRowColumns(gj, sql`j.created_at`, storedTextColumns({ maxBytes, always: true }))},
             j.created_at AS "createdAt", j.scheduled_at AS "scheduledAt", j.performed_at AS "performedAt", j.finished_at AS "finishedAt",
             j.cron_at AS "cronAt", j.batch_callback_id AS "batchCallbackId", j.locked_by_id AS "lockedById",
             (SELECT p.updated_at FROM ${gj.processes} p WHERE p.id = j.locked_by_id) AS "processSeenAt",
             ${isHeld(gj)} AS held, j.finished_at IS NOT NULL AS finished, NOT (${isBlank(sql`j.error`)}) AS "errorPresent",
             ${boundedProblem} AS "paramsProblem"
        FROM ${gj.jobs} j WHERE j.id = ${id}`),
  );
  if (!row) return null;
  const {
    secrets: _secrets,
    arguments: args,
    tooLarge,
    ...texts
  } = await redactTexts(row, {
    budget: all ? newFullTextBudget() : newJobBudget(),
    withArguments: true,
  });
  const json = await argumentsJson(row.arguments, args);
  const error = texts.error ?? '';
  const { createdAt, scheduledAt, performedAt, finishedAt, cronAt } = row;
  const { batchCallbackId, lockedById, processSeenAt, held } = row;
  return {
    ...listedFacts(row),
    ...shortNames(texts),
    ...(tooLarge ? { tooLarge } : {}),
    error: texts.error && (all ? error : cut(error, ERROR_SHOWN)),
    errorLength: error.length,
    createdAt,
    scheduledAt,
    performedAt,
    finishedAt,
    cronAt,
    batchCallbackId,
    lockedById,
    processSeenAt,
    held,
    argumentsHidden: json?.includes(HIDDEN) ?? false,
    argumentsJson: json === null ? null : all ? json : cut(json, ARGUMENTS_SHOWN),
    argumentsLength: json?.length ?? 0,
    isWhole: all,
    retryable: isRetryable(row),
  };
}

function shortNames(
  texts: Pick<RedactedTexts, 'jobClass' | 'queueName' | 'cronKey' | 'concurrencyKey' | 'labels'>,
) {
  const short = (name: string | null) => name && cut(name, NAME_SHOWN);
  return {
    jobClass: short(texts.jobClass),
    queueName: short(texts.queueName),
    cronKey: short(texts.cronKey),
    concurrencyKey: short(texts.concurrencyKey),
    labels: texts.labels.slice(0, LABELS_SHOWN).map((label) => cut(label, NAME_SHOWN)),
  };
}

/** Null: too large, or beyond the budget. */
async function argumentsJson(
  stored: StoredTexts['arguments'],
  redacted: RedactedTexts['arguments'],
): Promise<string | null> {
  if (stored === null) return 'null';
  return redacted ? prettyJsonInSteps(await decodeActiveJobInSteps(redacted)) : null;
}

function isRetryable({ id, finished, errorPresent, paramsProblem: problem }: DetailRow): boolean {
  const denied = judge('retry', {
    id,
    finished,
    errorPresent,
    errorNull: false,
    batchId: null,
    batchCallbackId: null,
    paramsProblem: problem,
  });
  return denied === null;
}
