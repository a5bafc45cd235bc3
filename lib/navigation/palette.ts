import 'server-only';
import sql from 'sql-template-tag';
import { z } from 'zod';
import { getBatchRow, listBatches } from '../batches/queries';
import type { BatchRow } from '../batches/types';
import type { Ctx } from '../context/types';
import { ignoreTimeout } from '../core/errors';
import { paramsOf } from '../core/search-params';
import { parseJobFilter } from '../jobs/filters';
import { listJobs } from '../jobs/list';
import { completeValue } from '../jobs/suggestions';
import { idPrefixCondition } from '../search/conditions';

/** What the palette finds for a text. All of it is redacted. */
export interface PaletteMatches {
  jobs: { id: string; jobClass: string | null }[];
  batches: { id: string; description: string | null }[];
  classes: string[];
  queues: string[];
  cronKeys: string[];
}

export const NO_MATCHES: PaletteMatches = {
  jobs: [],
  batches: [],
  classes: [],
  queues: [],
  cronKeys: [],
};

const MAX_MATCHES = 5;
const MIN_CHARACTERS = 2;
const TIMEOUT_MS = 1_000;
type BatchMatch = PaletteMatches['batches'][number];

/**
 * Returns at most MAX_MATCHES of each kind. A search that takes longer than its timeout finds
 * nothing.
 */
export async function findPaletteMatches(ctx: Ctx, text: string): Promise<PaletteMatches> {
  if (text.length < MIN_CHARACTERS) return NO_MATCHES;
  const digits = idDigits(text);
  const [jobs, batches, classes, queues, cronKeys] = await Promise.all([
    digits ? findJobs(ctx, digits) : [],
    digits ? findBatchesById(ctx, digits) : findBatchesByText(ctx, text),
    ...(['class', 'queue', 'cron'] as const).map((field) => findNames(ctx, field, text)),
  ]);
  return { jobs, batches, classes: classes ?? [], queues: queues ?? [], cronKeys: cronKeys ?? [] };
}

/** Returns the digits of a UUID or of its beginning, if there are at least 8. */
function idDigits(text: string): string | null {
  const digits = text.toLowerCase().replaceAll('-', '');
  return /^[0-9a-f]{8,32}$/.test(digits) ? digits : null;
}

/** Uses good_jobs_pkey and index_good_jobs_on_active_job_id_and_created_at. */
async function findJobs(ctx: Ctx, digits: string): Promise<PaletteMatches['jobs']> {
  const filter = parseJobFilter(paramsOf({ q: `id:${digits}`, limit: String(MAX_MATCHES) }));
  const page = await listJobs(ctx, filter).catch(ignoreTimeout);
  return (page?.rows ?? []).map(({ id, jobClass }) => ({ id, jobClass }));
}

const idRow = z.strictObject({ id: z.string() });

/** Uses good_job_batches_pkey. */
async function findBatchesById(ctx: Ctx, digits: string): Promise<BatchMatch[]> {
  const ids = await ctx.db
    .read(
      (tx) =>
        tx.query(
          idRow,
          sql`
            SELECT b.id
              FROM ${ctx.tables.batches} b
             WHERE ${idPrefixCondition(sql`b.id`, digits)}
             LIMIT ${MAX_MATCHES}`,
        ),
      { timeoutMs: TIMEOUT_MS, byIndexOnly: true },
    )
    .catch(ignoreTimeout);
  const rows = await Promise.all((ids ?? []).map(({ id }) => getBatchRow(ctx, id)));
  return rows.flatMap((row) => (row ? [toMatch(row)] : []));
}

/** Searches the newest batches within the budget of a search. */
async function findBatchesByText(ctx: Ctx, text: string): Promise<BatchMatch[]> {
  const filter = { state: null, q: text, limit: MAX_MATCHES, cursor: null, notUnderstood: [] };
  const page = await listBatches(ctx, filter).catch(ignoreTimeout);
  return (page?.rows ?? []).map(toMatch);
}

const toMatch = ({ id, description }: BatchRow): BatchMatch => ({ id, description });

async function findNames(
  ctx: Ctx,
  field: 'class' | 'queue' | 'cron',
  text: string,
): Promise<string[]> {
  const names = await completeValue(ctx, field, text).catch(ignoreTimeout);
  return (names ?? []).filter((name) => name.trim() !== '').slice(0, MAX_MATCHES);
}
