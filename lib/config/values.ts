import { SocketAddress, isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';

/** An invalid configuration value; the message is one sentence that names the variable. */
export class EnvError extends Error {}

/* Schemas for environment variables. An empty variable counts as unset. */

/** 1 or true, 0 or false; default false. */
export const flag = z
  .enum(['0', '1', 'true', 'false', ''], { error: 'must be 1 or 0' })
  .default('')
  .transform((value) => value === '1' || value === 'true');

/** One of `values`; `problem` is the error message that lists them. */
export const choice = <const Value extends string, Fallback extends Value | null>(
  values: readonly Value[],
  fallback: Fallback,
  problem: string,
) =>
  z
    .string()
    .default('')
    .transform((value, ctx) => {
      const choice = value === '' ? fallback : values.find((candidate) => candidate === value);
      if (choice !== undefined) return choice;
      ctx.addIssue({ code: 'custom', message: problem });
      return z.NEVER;
    });

/** Trimmed text; null if empty. */
export const optional = z
  .string()
  .default('')
  .transform((value) => (value.trim() === '' ? null : value.trim()));

/** A whole number from `low` to `high`. */
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

/** A number from `low` to `high` with up to three decimals. */
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

/** A comma-separated list: trimmed items without empty ones. */
export const list = z
  .string()
  .default('')
  .transform((value) =>
    value
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean),
  );

/** The placeholders of a link template. `from` and `to` bracket the job's time, `_ms` since 1970. */
const LINK_PLACEHOLDERS = [
  'job_id',
  'active_job_id',
  'job_class',
  'queue',
  'cron_key',
  'batch_id',
  'from',
  'to',
  'from_ms',
  'to_ms',
] as const;
type LinkPlaceholder = (typeof LINK_PLACEHOLDERS)[number];

const PLACEHOLDER = /\{([^{}]*)\}/g;

/** An http(s) URL with placeholders after its host; null if empty. */
export const linkTemplate = optional.transform((value, ctx) => {
  if (value === null) return null;
  const problem = linkTemplateProblem(value);
  if (problem === null) return value;
  ctx.addIssue({ code: 'custom', message: problem });
  return z.NEVER;
});

function linkTemplateProblem(template: string): string | null {
  const names = [...template.matchAll(PLACEHOLDER)].map(([, name]) => name ?? '');
  const isKnown = (name: string) => (LINK_PLACEHOLDERS as readonly string[]).includes(name);
  const unknown = names.find((name) => !isKnown(name));
  if (unknown !== undefined)
    return `has the unknown placeholder {${unknown}}; use ${LINK_PLACEHOLDERS.map((name) => `{${name}}`).join(', ')}`;
  const filled = template.replace(PLACEHOLDER, 'x');
  const url = URL.canParse(filled) ? new URL(filled) : null;
  if (!url || !/^https?:\/\//i.test(template) || url.username !== '' || url.password !== '')
    return 'must be an http:// or https:// URL without user and password, such as https://logs.example.com/?q={job_id}';
  // Otherwise the data of a job could decide which server a viewer opens.
  if (/^https?:\/\/[^/?#\\]*\{/i.test(template)) return 'must not have a placeholder in its host';
  return null;
}

/**
 * Fills a template with percent-encoded values; null if one of its values is missing, or would be
 * a dot segment, which browsers remove from a path.
 */
export function fillLink(
  template: string,
  values: Readonly<Record<LinkPlaceholder, string | null>>,
): string | null {
  let isComplete = true;
  const link = template.replace(PLACEHOLDER, (_, name: LinkPlaceholder) => {
    const value = values[name] ?? '';
    if (value === '' || value === '.' || value === '..') isComplete = false;
    return encodeURIComponent(Buffer.from(value).toString());
  });
  return isComplete ? link : null;
}

/** Length of the longest address: IPv6 with an IPv4 tail. */
const MAX_ADDRESS_LENGTH = 45;
const MAPPED_IPV4 = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/;

/** A network in CIDR notation; a single address has the prefix 32 or 128. */
export interface IpNetwork {
  address: string;
  prefix: number;
}

/**
 * Returns the canonical text of an IPv4 or IPv6 address, with IPv4-mapped IPv6 as IPv4. Returns
 * null for any other text, including zones, ports, brackets, blanks and leading zeros.
 */
export function parseIpAddress(text: string): string | null {
  if (text.length > MAX_ADDRESS_LENGTH || text.includes('%')) return null;
  if (isIPv4(text)) return text;
  if (!isIPv6(text)) return null;
  const { address } = new SocketAddress({ address: text, family: 'ipv6' });
  return MAPPED_IPV4.exec(address)?.[1] ?? address;
}

/** Parses `10.0.0.0/8`, `fd00::/8` or a single address; returns null for any other text. */
export function parseIpNetwork(text: string): IpNetwork | null {
  const [addressText = '', prefixText, ...rest] = text.split('/');
  const address = parseIpAddress(addressText);
  if (address === null || rest.length > 0) return null;
  const bits = isIPv4(address) ? 32 : 128;
  if (prefixText === undefined) return { address, prefix: bits };
  if (!/^(0|[1-9]\d{0,2})$/.test(prefixText)) return null;
  const prefix = Number(prefixText);
  const isMapped = bits === 32 && addressText.includes(':');
  if (!isMapped) return prefix <= bits ? { address, prefix } : null;
  // `::ffff:10.0.0.0/104` is 10.0.0.0/8; a prefix below 96 also covers other IPv6 addresses.
  return prefix >= 96 && prefix <= 128 ? { address, prefix: prefix - 96 } : null;
}

/**
 * Returns the /64 network of a canonical IPv6 address. Rate limits count by it because one
 * subscriber can use every address in a /64.
 */
export function ipv6Network64(address: string): string {
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const tailGroups = tail === '' ? [] : tail.split(':');
    const tailLength = tailGroups.length + (tail.includes('.') ? 1 : 0);
    const zeros = Math.max(0, 8 - groups.length - tailLength);
    groups.push(...Array.from({ length: zeros }, () => '0'), ...tailGroups);
  }
  return `${groups.slice(0, 4).join(':')}::/64`;
}
