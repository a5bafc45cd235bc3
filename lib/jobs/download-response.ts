import 'server-only';
import { getTranslations } from 'next-intl/server';
import { z } from 'zod';
import { runAction } from '../action';
import { statusOf } from '../errors';
import { uuidText } from '../input';
import { downloadText } from './download';
import { DOWNLOAD_PARTS } from './download-parts';

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
