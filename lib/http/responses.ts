import 'server-only';
import { getTranslations } from 'next-intl/server';
import { type Ctx, requireCtx } from '../context/request-context';
import { ConsoleError, type ErrorCode, statusOf } from '../core/errors';
import { EXPORT_FORMATS, type ExportFormat } from './export-format';

/** Logs an error and returns the code for the client. */
export function reportError(error: unknown): ErrorCode {
  console.error(error);
  return error instanceof ConsoleError ? error.code : 'unexpected';
}

const CONTENT_TYPES: Record<ExportFormat, string> = {
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
};

interface Options {
  /** Beginning of the file name. */
  name: string;
  /** Query parameter `format`; default csv. */
  format: string | null;
  /** Whether the whole filter could be parsed; otherwise the export is rejected. */
  isFilterValid: boolean;
  chunks: (ctx: Ctx, format: ExportFormat) => AsyncGenerator<string, void, void>;
}

/** Streams a list as a file, with backpressure. */
export async function exportResponse({
  name,
  format: formatParam,
  isFilterValid,
  chunks: readChunks,
}: Options): Promise<Response> {
  const format = EXPORT_FORMATS.find((supported) => supported === (formatParam ?? 'csv'));
  if (!format) return errorResponse('bad_request');
  if (!isFilterValid) return errorResponse('not_understood');
  const chunks = await requireCtx().then((ctx) => readChunks(ctx, format), toErrorResponse);
  if (chunks instanceof Response) return chunks;
  // Reads the first chunk before the headers are sent, so that early failures have their own
  // status.
  const first = await chunks.next().catch(toErrorResponse);
  if (first instanceof Response) return first;
  const time = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return new Response(streamChunks(chunks, first), {
    headers: {
      'Content-Type': CONTENT_TYPES[format],
      'Content-Disposition': `attachment; filename="${name}-${time}.${format}"`,
    },
  });
}

function streamChunks(
  chunks: AsyncGenerator<string, void, void>,
  first: IteratorResult<string, void>,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let pending: IteratorResult<string, void> | null = first;
  return new ReadableStream({
    async pull(controller) {
      try {
        const { value, done } = pending ?? (await chunks.next());
        pending = null;
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      } catch (error) {
        // Aborts the connection, so that the client does not mistake the file for complete.
        console.error(error);
        controller.error(error);
      }
    },
    async cancel() {
      await chunks.return();
    },
  });
}

/** Returns the message as plain text, because the user followed a download link. */
async function errorResponse(code: ErrorCode): Promise<Response> {
  const t = await getTranslations('errors');
  return new Response(`${t(code)}\n`, {
    status: statusOf(code),
    headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  });
}

const toErrorResponse = (error: unknown) => errorResponse(reportError(error));
