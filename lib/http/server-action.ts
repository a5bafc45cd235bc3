import 'server-only';
import { headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { z } from 'zod';
import { MAX_REASON } from '../audit/types';
import { recordFailure, withReason } from '../context/audited-transaction';
import { type Ctx, requireCtx } from '../context/request-context';
import { ConsoleError, type ErrorCode, STAY_ON_PAGE, statusOf } from '../core/errors';
import { setResponseStatus } from '../core/process-state';
import { isTimestamp, isUuid } from '../core/text';

/** The result of a Server Action, or an error code with a message. */
export type ActionResult<T> = { ok: true; value: T } | { ok: false; error: ErrorCode };

/** The reason that any action accepts in addition to its own input. */
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
 * Runs a Server Action: parses the input, creates the context and converts errors to codes.
 * `schema` describes the input without the reason and must be strict, so that input from another
 * release is rejected. `name` identifies the action in the audit of unreadable input. Never throws.
 */
export async function runAction<Input, T>(
  schema: z.ZodType<Input>,
  input: unknown,
  fn: (ctx: Ctx, input: Input) => Promise<T>,
  name: string,
): Promise<ActionResult<T>> {
  const parts = splitReason(input);
  const parsed = schema.safeParse(parts.rest);
  const reason = reasonText.safeParse(parts.reason);
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
    // Rejected actions are in the audit already.
    if (!(error instanceof ConsoleError) || statusOf(error.code) >= 500) console.error(error);
    return failed(error instanceof ConsoleError ? error.code : 'unexpected');
  }
}

function splitReason(input: unknown): { reason: unknown; rest: unknown } {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return { reason: null, rest: input };
  const { reason, ...rest }: { reason?: unknown } = input;
  return { reason, rest };
}

/** Pages of this release never send a bad request, so the page belongs to another release. */
function failed(error: ErrorCode): { ok: false; error: ErrorCode } {
  if (error !== 'bad_request') return { ok: false, error };
  setResponseStatus(400);
  return { ok: false, error: 'console_updated' };
}

/** The fields of a form by name. */
export interface FormFields<Field extends string> {
  get(name: Field): string | null;
  getAll(name: Field): string[];
}

/**
 * Parses the form of an action; returns null if a field is unknown, repeated or a file. The fields
 * in `lists` may repeat.
 */
export function readForm<Field extends string>(
  input: unknown,
  fields: readonly Field[],
  lists: readonly Field[] = [],
): FormFields<Field> | null {
  if (!(input instanceof FormData)) return null;
  const values = new Map<string, string[]>();
  for (const [name, value] of input) {
    // React adds these fields.
    if (name.startsWith('$ACTION_')) continue;
    const isList = lists.some((list) => list === name);
    const isAllowed = isList || (fields.some((field) => field === name) && !values.has(name));
    if (!isAllowed || typeof value !== 'string') return null;
    const previousValues = values.get(name);
    if (previousValues) previousValues.push(value);
    else values.set(name, [value]);
  }
  return {
    get: (name) => values.get(name)?.[0] ?? null,
    getAll: (name) => values.get(name) ?? [],
  };
}

/**
 * Ends the action of a form: redirects a browser without JavaScript, else returns the path for the
 * page's script, or STAY_ON_PAGE if `error` is `console_updated`. A redirect of a script's request
 * would make Next fetch the page from itself, which bypasses the authenticating proxy.
 */
export async function navigateTo(path: string, error: ErrorCode | null = null): Promise<string> {
  if ((await headers()).has('next-action'))
    return error === 'console_updated' ? STAY_ON_PAGE : path;
  redirect(path);
}

/*
 * Schemas for the input of Server Actions. They reject values that Postgres cannot store, so that
 * the client gets `bad_request` and not a database error.
 */

/** Returns a schema for text of at most `length` characters without NUL, which Postgres rejects. */
export const textUpTo = (length: number) =>
  z
    .string()
    .max(length)
    .refine((text) => !text.includes('\0'));

/** The name of a queue, a class, a label or a cron key. */
export const nameText = textUpTo(10_000);

/** A UUID, converted to lower case as Postgres prints it. */
export const uuidText = z
  .string()
  .refine(isUuid)
  .transform((id) => id.toLowerCase());

/** A number of Postgres' type bigint, such as the id of an audit record. */
export const bigintText = z.string().regex(/^\d{1,18}$/);

/** A time that `isTimestamp` accepts. */
export const timestampText = z.string().refine(isTimestamp);

/** The time and transaction id of a bulk preview, in the console's own format. */
export const cutOffInput = z.strictObject({
  at: timestampText.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
  txid: bigintText,
});
