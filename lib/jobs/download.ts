import 'server-only';
import { getTranslations } from 'next-intl/server';
import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import { type WriteTx, auditedTransaction } from '../context/audited-transaction';
import type { Ctx } from '../context/types';
import { ConsoleError, statusOf } from '../core/errors';
import { uuidText } from '../core/search-params';
import type { Tx } from '../db/database';
import { runAction } from '../http/server-action';
import { requireReason, revealAttempt } from './raw';

/** Texts of a job or an execution that can be downloaded in clear. */
export const DOWNLOAD_PARTS = ['payload', 'error', 'backtrace'] as const;
export type DownloadPart = (typeof DOWNLOAD_PARTS)[number];

/*
 * A text in clear, of whatever size, for who may reveal. Postgres prints it once and a cursor hands it over in slices,
 * so neither side of the connection holds more than a few of them.
 */

interface DownloadTarget {
  jobId: string;
  /** Null: the job itself, which has no backtrace. */
  executionId: string | null;
  part: DownloadPart;
}

const SLICE_BYTES = 256 * 1024;
/** Downloads at a time: each holds a connection of the pool. */
const MAX_DOWNLOADS = 2;
/** A client that takes no slice for so long has gone. */
const STALLED_MS = 30_000;
const FIRST_SLICE_MS = 60_000;
/** A client that takes slices for longer gives its connection back. */
const DOWNLOAD_MS = 10 * 60_000;

let running = 0;

/**
 * The text as a stream; null when there is no such row or text. It is on record before the first byte is read. Throws
 * ConsoleError `forbidden`, `read_only` or `reason_required`, and `database_busy` while others download.
 */
export async function downloadText(
  ctx: Ctx,
  target: DownloadTarget,
): Promise<ReadableStream<Uint8Array> | null> {
  const attempt = revealAttempt(target, { download: target.part });
  await requireReason(ctx, attempt);
  if (running >= MAX_DOWNLOADS) throw new ConsoleError('database_busy');
  running += 1;
  let isStreaming = false;
  try {
    const exists = await auditedTransaction(
      ctx,
      'argument.reveal',
      async (tx: WriteTx) => {
        const [row] = await tx.query(
          sql`SELECT 1 FROM (${storedOf(ctx, target)}) t WHERE t.stored IS NOT NULL`,
        );
        if (row) await tx.audit({ ...attempt, counts: { done: 1 } });
        return row !== undefined;
      },
      attempt,
    );
    if (!exists) return null;
    isStreaming = true;
    return streamOf(ctx, textOf(ctx, target), () => (running -= 1));
  } finally {
    if (!isStreaming) running -= 1;
  }
}

/** One row with the column as it is stored. */
function storedOf({ tables }: Ctx, { jobId, executionId, part }: DownloadTarget): Sql {
  if (executionId === null) {
    const columns: Record<DownloadPart, Sql> = {
      payload: sql`j.serialized_params`,
      error: sql`j.error`,
      backtrace: sql`NULL::text[]`,
    };
    return sql`SELECT ${columns[part]} AS stored FROM ${tables.jobs} j WHERE j.id = ${jobId}`;
  }
  const columns: Record<DownloadPart, Sql> = {
    payload: sql`e.serialized_params`,
    error: sql`e.error`,
    backtrace: sql`e.error_backtrace`,
  };
  return sql`SELECT ${columns[part]} AS stored FROM ${tables.executions} e WHERE e.id = ${executionId} AND e.active_job_id = ${jobId}`;
}

function textOf(ctx: Ctx, target: DownloadTarget): Sql {
  const text =
    target.part === 'backtrace' ? sql`array_to_string(s.stored, E'\\n')` : sql`s.stored::text`;
  return sql`SELECT ${text} AS text FROM (${storedOf(ctx, target)}) s`;
}

function streamOf(ctx: Ctx, text: Sql, onEnd: () => void): ReadableStream<Uint8Array> {
  const slices = new Handover();
  const tooLong = setTimeout(() => slices.cancel(), DOWNLOAD_MS);
  tooLong.unref();
  void ctx.db
    .read((tx) => readSlices(tx, text, slices), { timeoutMs: FIRST_SLICE_MS })
    .then(
      () => slices.end(null),
      (error: unknown) => slices.end(error),
    )
    .finally(() => {
      clearTimeout(tooLong);
      onEnd();
    });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const slice = await slices.take();
        if (slice) controller.enqueue(slice);
        else controller.close();
      },
      cancel: () => slices.cancel(),
    },
    { highWaterMark: 0 },
  );
}

/** Without a scroll nothing is materialized: the text is printed once, and each FETCH cuts one slice off its bytes. */
async function readSlices(tx: Tx, text: Sql, slices: Handover): Promise<void> {
  // A read is tried again after a lost connection; what has been sent cannot be.
  if (slices.hasBegun) throw new Error('The connection was lost during a download.');
  await tx.query(sql`SET LOCAL idle_in_transaction_session_timeout = '60s'`);
  await tx.query(sql`
    DECLARE download NO SCROLL CURSOR FOR
    SELECT substring(t.bytes FROM n * ${SLICE_BYTES}::int + 1 FOR ${SLICE_BYTES}::int) AS slice
      FROM (SELECT convert_to(t.text, 'UTF8') AS bytes FROM (${text}) t OFFSET 0) t,
           generate_series(0, (octet_length(t.bytes) - 1) / ${SLICE_BYTES}::int) n`);
  for (;;) {
    const [row] = await tx.query<{ slice: string }>(sql`FETCH 1 FROM download`);
    if (!row || !(await slices.put(Buffer.from(row.slice.slice(2), 'hex')))) return;
  }
}

/** Hands slices from the reading transaction to the stream, one at a time. */
class Handover {
  hasBegun = false;
  private slice: Uint8Array | null = null;
  private ended: { error: unknown } | null = null;
  private onTaken: ((isWanted: boolean) => void) | null = null;
  private onSlice: (() => void) | null = null;

  /** Waits until it is taken; false: nobody takes any more. */
  put(slice: Uint8Array): Promise<boolean> {
    if (this.ended) return Promise.resolve(false);
    this.hasBegun = true;
    this.slice = slice;
    this.onSlice?.();
    return new Promise((resolve) => {
      const stalled = setTimeout(() => this.cancel(), STALLED_MS);
      this.onTaken = (isWanted) => {
        clearTimeout(stalled);
        resolve(isWanted);
      };
    });
  }

  /** Null: that was the last one. */
  async take(): Promise<Uint8Array | null> {
    while (!this.slice && !this.ended)
      await new Promise<void>((resolve) => (this.onSlice = resolve));
    const { slice } = this;
    if (!slice) {
      if (this.ended?.error) throw this.ended.error as Error;
      return null;
    }
    this.slice = null;
    this.onTaken?.(true);
    return slice;
  }

  cancel(): void {
    this.slice = null;
    this.ended ??= { error: new Error('The download was not taken.') };
    this.onTaken?.(false);
    this.onSlice?.();
  }

  end(error: unknown): void {
    this.ended ??= { error };
    this.onSlice?.();
  }
}

const input = z.object({
  jobId: uuidText,
  executionId: z
    .literal('')
    .transform(() => null)
    .or(uuidText),
  part: z.enum(DOWNLOAD_PARTS),
});

/** The answer to the download form: a file, or a sentence why there is none. */
export async function downloadResponse(jobId: string, request: Request): Promise<Response> {
  const form = await request.formData().catch(() => new FormData());
  const given = {
    jobId,
    executionId: form.get('execution') ?? '',
    part: form.get('part') ?? 'payload',
    reason: form.get('reason') ?? '',
  };
  const result = await runAction(input, given, downloadText, 'download');
  const t = await getTranslations();
  if (!result.ok) return sentence(t(`errors.${result.error}`), statusOf(result.error));
  if (!result.value) return sentence(t('reveal.missing'), 404);
  const name = [jobId.toLowerCase(), ...(given.part === 'payload' ? [] : [String(given.part)])];
  return new Response(result.value, {
    headers: {
      'Content-Type':
        given.part === 'payload' ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8',
      'Content-Disposition': `attachment; filename="good-job-${name.join('-')}.${given.part === 'payload' ? 'json' : 'txt'}"`,
      'Cache-Control': 'no-store',
    },
  });
}

const sentence = (text: string, status: number): Response =>
  new Response(`${text}\n`, {
    status,
    headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  });
