import 'server-only';
import type { Ctx } from '../ctx';
import { EXPORT_CHUNK, type ExportFormat, csvHead, csvLines, ndjsonLine } from '../export';
import { type Json, parseJson, scalar } from '../good-job/json';
import type { Cursor, Page } from '../paging';
import { redactName } from '../redaction';
import type { AuditFilter } from './filters';
import { type StoredRow, listStored, redacted, redactedRows } from './queries';

/** In the order of the file's columns; `json`: a value of its own in NDJSON, its text in CSV. */
const COLUMNS: [name: string, of: (row: StoredRow) => string | null, json?: 'json'][] = [
  ['id', (row) => row.id],
  ['created_at', (row) => row.createdAt],
  ['viewer', (row) => row.viewer],
  ['viewer_name', (row) => row.viewerName],
  ['viewer_email', (row) => row.viewerEmail],
  ['role', (row) => row.role],
  ['action', (row) => row.action],
  ['outcome', (row) => row.outcome],
  ['error', (row) => row.error],
  ['target_type', (row) => row.targetType],
  ['target_ids', (row) => JSON.stringify(row.targetIds), 'json'],
  ['target_name', (row) => redactName(row.targetName)],
  ['counts', (row) => row.counts, 'json'],
  ['reason', (row) => redactName(row.reason)],
  ['details', (row) => redacted(row.details), 'json'],
  ['before', (row) => row.before && redactedRows(row.before), 'json'],
  ['after', (row) => row.after && redactedRows(row.after), 'json'],
  ['request_id', (row) => row.requestId],
];

/** The records of a filter as a file, newest first, a chunk of text at a time, each a short read of its own. The filter must be understood. */
export async function* exportAudit(
  ctx: Ctx,
  filter: AuditFilter,
  format: ExportFormat,
): AsyncGenerator<string, void, void> {
  if (format === 'csv') yield csvHead(COLUMNS.map(([name]) => name));
  let cursor: Cursor | null = null;
  do {
    const page: Page<StoredRow> = await listStored(ctx, { ...filter, limit: EXPORT_CHUNK, cursor });
    if (page.rows.length > 0)
      yield format === 'csv'
        ? csvLines(page.rows.map((row) => COLUMNS.map(([, of]) => of(row))))
        : page.rows.map(ndjsonRecord).join('');
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
