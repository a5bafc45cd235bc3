import { z } from 'zod';
import { isTimestamp, isUuid } from './text';

/*
 * The values of the Server Actions: whatever passes here, Postgres can take. What it cannot would end as an error of the
 * database, where the sender is to be told that the request is bad.
 */

/** Text without NUL, which no text of Postgres has. */
export const textUpTo = (length: number) =>
  z
    .string()
    .max(length)
    .refine((text) => !text.includes('\0'));

/** The name of a queue, a class, a label or a cron key. */
export const nameText = textUpTo(10_000);

/** In small letters, as Postgres writes it. */
export const uuidText = z
  .string()
  .refine(isUuid)
  .transform((id) => id.toLowerCase());

/** ISO 8601 with its zone. */
export const timestampText = z.string().refine(isTimestamp);

/** The moment of a preview, as the console wrote it. */
export const cutOffInput = z.strictObject({
  at: timestampText.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
  txid: z.string().regex(/^\d{1,18}$/),
});
