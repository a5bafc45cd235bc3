import 'server-only';
import { MAX_SNAPSHOT_BYTES } from '../audit/types';
import { recordRead } from '../context/audited-transaction';
import { type Ctx } from '../context/request-context';
import { type Json, parseJson, scalar } from '../core/json';
import { yieldToEventLoop } from '../core/steps';
import { escapeBidi } from '../core/text';
import type { Cursor, Page } from '../core/urls';
import { csvHeader, csvLines, type ExportFormat, ndjsonLine } from '../http/export-format';
import { redactName } from '../redaction/redaction';
import { type AuditFilter, auditFilterParams } from './filters';
import {
  type StoredRow,
  escapeNullable,
  listStored,
  redactStored,
  redactStoredRows,
} from './queries';

/** Records per chunk, which bounds the memory: each may have MAX_SNAPSHOT_BYTES. */
const CHUNK_SIZE = 25;
/** Replaces JSON above the limits, which no release of the console writes. */
const TOO_LARGE = '"[too large to export]"';

/** Redacts the JSON of a record. */
async function redactRecord(row: StoredRow): Promise<StoredRow> {
  const rowsOf = async (text: string | null) => {
    if (text === null) return row.areRowsLarge ? TOO_LARGE : null;
    return redactStoredRows(text);
  };
  return {
    ...row,
    details: row.details === null ? TOO_LARGE : await redactStored(row.details),
    before: await rowsOf(row.before),
    after: await rowsOf(row.after),
  };
}

/** The columns of the file; `json` values are nested in NDJSON and text in CSV. */
const COLUMNS: [name: string, of: (row: StoredRow) => string | null, json?: 'json'][] = [
  ['id', (row) => row.id],
  ['created_at', (row) => row.createdAt],
  ['viewer', (row) => escapeBidi(row.viewer)],
  ['viewer_name', (row) => escapeNullable(row.viewerName)],
  ['viewer_email', (row) => escapeNullable(row.viewerEmail)],
  ['role', (row) => row.role],
  ['action', (row) => row.action],
  ['outcome', (row) => row.outcome],
  ['error', (row) => row.error],
  ['target_type', (row) => row.targetType],
  ['target_ids', (row) => JSON.stringify(row.targetIds), 'json'],
  ['target_name', (row) => escapeNullable(redactName(row.targetName))],
  ['counts', (row) => row.counts, 'json'],
  ['reason', (row) => escapeNullable(redactName(row.reason))],
  ['details', (row) => row.details, 'json'],
  ['before', (row) => row.before, 'json'],
  ['after', (row) => row.after, 'json'],
  ['request_id', (row) => row.requestId],
];

/**
 * Yields the records of a valid filter as chunks of a file, newest first; each chunk is a short
 * read. Records the export in the audit when it ends or is aborted.
 */
export async function* exportAudit(
  ctx: Ctx,
  filter: AuditFilter,
  format: ExportFormat,
): AsyncGenerator<string, void, void> {
  const progress = { rows: 0, isComplete: false };
  try {
    yield* exportChunks(ctx, filter, format, progress);
    progress.isComplete = true;
  } finally {
    await recordRead(ctx, 'audit.export', {
      counts: { done: progress.rows },
      details: {
        rows: progress.rows,
        filter: String(new URLSearchParams(auditFilterParams(filter, 'UTC'))),
        format,
        complete: progress.isComplete,
      },
    });
  }
}

async function* exportChunks(
  ctx: Ctx,
  filter: AuditFilter,
  format: ExportFormat,
  progress: { rows: number },
): AsyncGenerator<string, void, void> {
  if (format === 'csv') yield csvHeader(COLUMNS.map(([name]) => name));
  let cursor: Cursor | null = null;
  do {
    const chunk = { ...filter, limit: CHUNK_SIZE, cursor };
    const page: Page<StoredRow> = await listStored(ctx, chunk, MAX_SNAPSHOT_BYTES);
    const records: string[] = [];
    for (const stored of page.rows) {
      const row = await redactRecord(stored);
      await yieldToEventLoop();
      const isCsv = format === 'csv';
      records.push(isCsv ? csvLines([COLUMNS.map(([, of]) => of(row))]) : ndjsonRecord(row));
      await yieldToEventLoop();
    }
    progress.rows += records.length;
    if (records.length > 0) yield records.join('');
    cursor = page.next;
  } while (cursor);
}

function ndjsonRecord(row: StoredRow): string {
  return ndjsonLine(
    COLUMNS.map(([name, of, json]): [string, Json] => {
      const value = of(row);
      return [name, json && value !== null ? parseJson(value) : scalar(value)];
    }),
  );
}
