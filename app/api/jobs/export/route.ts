import { getTranslations } from 'next-intl/server';
import { codeOf } from '@/lib/api';
import { requireCtx } from '@/lib/ctx';
import { type ErrorCode, statusOf } from '@/lib/errors';
import { EXPORT_FORMATS, type ExportFormat, exportJobs } from '@/lib/jobs/export';
import { isUnderstood, parseJobFilter } from '@/lib/jobs/filters';

const TYPES: Record<ExportFormat, string> = { csv: 'text/csv; charset=utf-8', ndjson: 'application/x-ndjson; charset=utf-8' };

/** The jobs of a filter as a file, streamed as fast as it is taken. */
export async function GET(request: Request): Promise<Response> {
  const params = new URL(request.url).searchParams;
  const filter = parseJobFilter(params);
  const format = EXPORT_FORMATS.find((name) => name === (params.get('format') ?? 'csv'));
  if (!format) return refuse('bad_request');
  if (!isUnderstood(filter)) return refuse('not_understood');
  const chunks = await requireCtx().then((ctx) => exportJobs(ctx, filter, format), refused);
  if (chunks instanceof Response) return chunks;
  // The first chunk is read before the answer begins: what fails at once has a status of its own.
  const first = await chunks.next().catch(refused);
  if (first instanceof Response) return first;
  return new Response(streamOf(chunks, first), {
    headers: {
      'Content-Type': TYPES[format],
      'Content-Disposition': `attachment; filename="good-jobs-${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}.${format}"`,
    },
  });
}

function streamOf(chunks: AsyncGenerator<string, void, void>, first: IteratorResult<string, void>): ReadableStream<Uint8Array> {
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
  return new Response(`${t(code)}\n`, { status: statusOf(code), headers: { 'Content-Type': 'text/plain; charset=utf-8' } });
}

const refused = (error: unknown) => refuse(codeOf(error));
