import { z } from 'zod';

/** A configuration value that cannot be used; the message is one sentence that names the variable. */
export class EnvError extends Error {}

/* The kinds of values that environment variables hold; unset and empty are the same. */
export const flag = z
  .enum(['0', '1', 'true', 'false', ''], { error: 'must be 1 or 0' })
  .default('')
  .transform((value) => value === '1' || value === 'true');

/** One of these; `problem` says which. */
export const choice = <const Value extends string, Fallback extends Value | null>(
  values: readonly Value[],
  fallback: Fallback,
  problem: string,
) =>
  z
    .string()
    .default('')
    .transform((value, ctx) => {
      const known = value === '' ? fallback : values.find((one) => one === value);
      if (known !== undefined) return known;
      ctx.addIssue({ code: 'custom', message: problem });
      return z.NEVER;
    });

export const optional = z
  .string()
  .default('')
  .transform((value) => (value.trim() === '' ? null : value.trim()));

export const integer = (fallback: number, low: number, high: number) =>
  z
    .string()
    .default('')
    .transform((value, ctx) => {
      if (value.trim() === '') return fallback;
      if (/^\d{1,9}$/.test(value.trim()) && Number(value) >= low && Number(value) <= high)
        return Number(value);
      ctx.addIssue({ code: 'custom', message: `must be a whole number from ${low} to ${high}` });
      return z.NEVER;
    });

/** With a fraction, such as 0.5. */
export const decimal = (fallback: number, low: number, high: number) =>
  z
    .string()
    .default('')
    .transform((value, ctx) => {
      if (value.trim() === '') return fallback;
      if (
        /^\d{1,6}(\.\d{1,3})?$/.test(value.trim()) &&
        Number(value) >= low &&
        Number(value) <= high
      )
        return Number(value);
      ctx.addIssue({ code: 'custom', message: `must be a number from ${low} to ${high}` });
      return z.NEVER;
    });

/** Parts between commas, without spaces around them and without empty ones. */
export const list = z
  .string()
  .default('')
  .transform((value) =>
    value
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean),
  );
