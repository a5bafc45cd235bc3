'use server';

import { getTranslations } from 'next-intl/server';
import { z } from 'zod';
import { formOf, runAction } from '../action';
import { uuidText } from '../input';
import { reveal } from './reveal';

const input = z.object({
  jobId: uuidText,
  executionId: z
    .literal('')
    .transform(() => null)
    .or(uuidText),
});

/** The revealed JSON, or a sentence why there is none. It is in this answer alone: in no address, no cache and no log. */
export type Revealed = { text: string } | { problem: string };

/** The door of the form, with and without JavaScript. */
export async function revealAction(_before: Revealed | null, sent: FormData): Promise<Revealed> {
  const form = formOf(sent);
  const given = {
    jobId: form.get('job'),
    executionId: form.get('execution') ?? '',
    reason: form.get('reason') ?? '',
  };
  const result = await runAction(input, given, reveal, 'reveal');
  if (result.ok && result.value && 'text' in result.value) return result.value;
  const t = await getTranslations();
  if (result.ok && result.value) return { problem: (await getTranslations('reveal'))('tooLarge') };
  return { problem: result.ok ? t('reveal.missing') : t(`errors.${result.error}`) };
}
