import 'server-only';
import { headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { z } from 'zod';
import { MAX_REASON } from '../audit/types';
import { recordFailure, withReason } from '../context/audited-transaction';
import { requireCtx } from '../context/request-context';
import type { Ctx } from '../context/types';
import { ConsoleError, type ErrorCode, STAY, statusOf } from '../core/errors';
import { setResponseStatus } from './response-status';

/** What a Server Action returns: its result, or the code of a sentence. */
export type ActionResult<T> = { ok: true; value: T } | { ok: false; error: ErrorCode };

/** What any action may be given besides its own input: why it is done. */
export interface WithReason {
  reason?: string | null;
}

const reasonText = z
  .string()
  .trim()
  .max(MAX_REASON)
  .refine((text) => !text.includes('\0'))
  .nullish()
  .transform((reason) => reason || null);

/**
 * The one adapter of the Server Actions: parses the input, makes the ctx, turns every failure into a code. `schema` is
 * strict and describes everything but the reason, so that the page of another release is never half understood. `name`
 * is the action's own, for the record of an input that could not be parsed; the input itself is not recorded.
 */
export async function runAction<Input, T>(
  schema: z.ZodType<Input>,
  input: unknown,
  fn: (ctx: Ctx, input: Input) => Promise<T>,
  name: string,
): Promise<ActionResult<T>> {
  const { reason: given, rest } = splitReason(input);
  const [parsed, reason] = [schema.safeParse(rest), reasonText.safeParse(given)];
  try {
    const ctx = await requireCtx();
    if (!parsed.success || !reason.success) {
      await recordFailure(
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

function splitReason(input: unknown): { reason: unknown; rest: unknown } {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return { reason: null, rest: input };
  const { reason, ...rest } = input as Record<string, unknown>;
  return { reason, rest };
}

/** The console's own pages send no bad request, so this page is of another release. */
function failed(error: ErrorCode): { ok: false; error: ErrorCode } {
  if (error !== 'bad_request') return { ok: false, error };
  setResponseStatus(400);
  return { ok: false, error: 'console_updated' };
}

/** The fields of a form, by name. */
export interface FormFields<Field extends string> {
  get(name: Field): string | null;
  getAll(name: Field): string[];
}

/**
 * The form that an action was sent; null when it has a field that is not one of `fields`, one of them twice, or a file.
 * The fields of `lists` may repeat.
 */
export function readForm<Field extends string>(
  sent: unknown,
  fields: readonly Field[],
  lists: readonly Field[] = [],
): FormFields<Field> | null {
  if (!(sent instanceof FormData)) return null;
  const values = new Map<string, string[]>();
  for (const [name, value] of sent) {
    // React's own.
    if (name.startsWith('$ACTION_')) continue;
    const isList = lists.some((list) => list === name);
    const isKnown = isList || (fields.some((field) => field === name) && !values.has(name));
    if (!isKnown || typeof value !== 'string') return null;
    const others = values.get(name);
    if (others) others.push(value);
    else values.set(name, [value]);
  }
  return {
    get: (name) => values.get(name)?.[0] ?? null,
    getAll: (name) => values.get(name) ?? [],
  };
}

/**
 * Ends a form's action with a page of the console: a browser without JavaScript is redirected there, the page's own
 * script gets the address to navigate to. For a redirect of the latter Next would fetch the page from itself over HTTP,
 * past the proxy that signs people in. `error`: why the action failed.
 */
export async function navigateTo(path: string, error: ErrorCode | null = null): Promise<string> {
  if ((await headers()).has('next-action')) return error === 'console_updated' ? STAY : path;
  redirect(path);
}
