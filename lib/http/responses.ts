import 'server-only';
import { getTranslations } from 'next-intl/server';
import { requireCtx } from '../context/request-context';
import type { Ctx } from '../context/types';
import { ConsoleError, type ErrorCode, statusOf } from '../core/errors';
import { EXPORT_FORMATS, ExportFormat } from './export-format';

/** What the client is told of an error; the error itself goes to the log. */
export function codeOf(error: unknown): ErrorCode {
  console.error(error);
  return error instanceof ConsoleError ? error.code : 'unexpected';
}

const TYPES: Record<ExportFormat, string> = {
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
};

interface Options {
  /** What the file's name begins with. */
  name: string;
  /** `format` of the URL; CSV when there is none. */
  format: string | null;
  /** Whether every part of the filter could be read: else nothing is exported. */
  understood: boolean;
  chunks: (ctx: Ctx, format: ExportFormat) => AsyncGenerator<string, void, void>;
}

/** A list as a file, streamed as fast as it is taken. */
export async function exportResponse({
  name,
  format: given,
  understood,
  chunks: chunksOf,
}: Options): Promise<Response> {
  const format = EXPORT_FORMATS.find((one) => one === (given ?? 'csv'));
  if (!format) return refuse('bad_request');
  if (!understood) return refuse('not_understood');
  const chunks = await requireCtx().then((ctx) => chunksOf(ctx, format), refused);
  if (chunks instanceof Response) return chunks;
  // The first chunk is read before the answer begins: what fails at once has a status of its own.
  const first = await chunks.next().catch(refused);
  if (first instanceof Response) return first;
  return new Response(streamOf(chunks, first), {
    headers: {
      'Content-Type': TYPES[format],
      'Content-Disposition': `attachment; filename="${name}-${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}.${format}"`,
    },
  });
}

function streamOf(
  chunks: AsyncGenerator<string, void, void>,
  first: IteratorResult<string, void>,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let begun: IteratorResult<string, void> | null = first;
  return new ReadableStream({
    async pull(controller) {
      try {
        const { value, done } = begun ?? (await chunks.next());
        begun = null;
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      } catch (error) {
        // The connection breaks off: half a file must not pass for a whole one.
        console.error(error);
        controller.error(error);
      }
    },
    async cancel() {
      await chunks.return();
    },
  });
}

/** A sentence: it is a link in a page that leads here. */
async function refuse(code: ErrorCode): Promise<Response> {
  const t = await getTranslations('errors');
  return new Response(`${t(code)}\n`, {
    status: statusOf(code),
    headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  });
}

const refused = (error: unknown) => refuse(codeOf(error));
