import 'server-only';
import type { z } from 'zod';
import { type Ctx, requireCtx } from './ctx';
import { ConsoleError, type ErrorCode } from './errors';

/** What a Server Action returns: its result, or the code of a sentence. */
export type ActionResult<T> = { ok: true; value: T } | { ok: false; error: ErrorCode };

/** The one adapter of the Server Actions: reads the input, makes the ctx, turns every failure into a code. */
export async function runAction<Input, T>(schema: z.ZodType<Input>, input: unknown, fn: (ctx: Ctx, input: Input) => Promise<T>): Promise<ActionResult<T>> {
  const parsed = schema.safeParse(input);
  if (!parsed.success) return { ok: false, error: 'bad_request' };
  try {
    return { ok: true, value: await fn(await requireCtx(), parsed.data) };
  } catch (error) {
    console.error(error);
    return { ok: false, error: error instanceof ConsoleError ? error.code : 'unexpected' };
  }
}
