'use server';

import { getTranslations } from 'next-intl/server';
import { z } from 'zod';
import { readForm, runAction } from '../action';
import { textUpTo, uuidText } from '../input';
import { reveal } from './reveal';

const revealInput = z.strictObject({
  jobId: uuidText,
  executionId: z
    .literal('')
    .transform(() => null)
    .or(uuidText),
});

const stateText = textUpTo(1_000_000);
const before = z
  .union([z.strictObject({ text: stateText }), z.strictObject({ problem: stateText })])
  .nullable();

/** The revealed JSON, or a sentence why there is none. It is in this answer alone: in no address, no cache and no log. */
export type Revealed = { text: string } | { problem: string };

/** For the form, with and without JavaScript. */
export async function revealAction(given: Revealed | null, sent: FormData): Promise<Revealed> {
  const form = readForm(sent, ['job', 'execution', 'reason']);
  const isReadable = form !== null && before.safeParse(given).success;
  const result = await runAction(
    input: revealInput,
    isReadable && {
      jobId: form.get('job'),
      executionId: form.get('execution') ?? '',
      reason: form.get('reason') ?? '',
    },
    reveal,
    'reveal',
  );
  if (result.ok && result.value && 'text' in result.value) return result.value;
  const t = await getTranslations();
  if (result.ok && result.value) return { problem: (await getTranslations('reveal'))('tooLarge') };
  return { problem: result.ok ? t('reveal.missing') : t(`errors.${result.error}`) };
}
