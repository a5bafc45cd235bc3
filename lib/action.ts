import 'server-only';
import { headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { z } from 'zod';
import { MAX_REASON } from './audit/bounds';
import { type Ctx, recordAttempt, requireCtx, withReason } from './ctx';
import { ConsoleError, type ErrorCode, statusOf } from './errors';
import { setResponseStatus } from './response-status';

/** What a Server Action returns: its result, or the code of a sentence. */
export type ActionResult<T> = { ok: true; value: T } | { ok: false; error: ErrorCode };

/** What any action may be given besides its own input: why it is done. */
export interface WithReason {
  reason?: string | null;
}

const reasonOf = z
  .looseObject({
    reason: z
      .string()
      .trim()
      .max(MAX_REASON)
      .refine((text) => !text.includes('\0'))
      .nullish(),
  })
  .transform(({ reason }) => reason || null);

/**
 * The one adapter of the Server Actions: reads the input and the reason, makes the ctx, turns every failure into a
 * code. `name` is the action's own, for the record of an input that could not be read; the input itself is not kept.
 */
export async function runAction<Input, T>(
  schema: z.ZodType<Input>,
  input: unknown,
  fn: (ctx: Ctx, input: Input) => Promise<T>,
  name: string,
): Promise<ActionResult<T>> {
  const [parsed, reason] = [schema.safeParse(input), reasonOf.safeParse(input)];
  try {
    const ctx = await requireCtx();
    if (!parsed.success || !reason.success) {
      await recordAttempt(
        ctx,
        'unreadable',
        { details: { action: name } },
        new ConsoleError('bad_request'),
      );
      return failed('bad_request');
    }
    return { ok: true, value: await fn(withReason(ctx, reason.data), parsed.data) };
  } catch (error) {
    // What was refused is on record.
    if (!(error instanceof ConsoleError) || statusOf(error.code) >= 500) console.error(error);
    return failed(error instanceof ConsoleError ? error.code : 'unexpected');
  }
}

/** A bad request says so in its status too, wherever that was found. */
function failed(error: ErrorCode): { ok: false; error: ErrorCode } {
  if (error === 'bad_request') setResponseStatus(400);
  return { ok: false, error };
}

/** The fields that a form's action was sent; none when something else was sent to it. */
export function formOf(sent: unknown): FormData {
  return sent instanceof FormData ? sent : new FormData();
}

/**
 * Ends a form's action with a page of the console: a browser without JavaScript is redirected there, the page's own
 * script gets the address to navigate to. For a redirect of the latter Next would fetch the page from itself over HTTP,
 * past the proxy that signs people in.
 */
export async function navigateTo(path: string): Promise<string> {
  if ((await headers()).has('next-action')) return path;
  redirect(path);
}
