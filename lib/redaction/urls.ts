import type { Steps } from '../core/steps';
import { isLetterOrDigit } from './chars';
import { Pacer, type Scan, execFrom } from './scan';

/*
 * The user and password before a URL's host, also without a scheme, and `user:password@host`. A URL is read up to its
 * first slash, or for MAX_USER_INFO characters; what stands before an `@` is read back to the last `:` or `@`.
 */

const MAX_USER_INFO = 600;
/** A password may hold a slash. */
const MAX_SLASHED = 200;
const HOST_END = /[\s"'`<>\\/?#]/g;
const WORD_END = /[\s"'`<>\\]/g;

export function* urlUserInfo({ text, hide }: Scan): Steps<void> {
  const pacer = new Pacer();
  for (let at = text.indexOf('//'); at >= 0; at = text.indexOf('//', at)) {
    if (pacer.isDue(at)) yield;
    const from = at + 2;
    const isUrl = text[at - 1] === ':';
    const host = partFrom(text, from, MAX_USER_INFO, HOST_END);
    let to = host.lastIndexOf('@');
    // What follows the colon is no port, so the slash belongs to a password.
    if (to < 0 && isUrl && hasNoPort(host))
      to = partFrom(text, from, MAX_SLASHED, WORD_END).lastIndexOf('@');
    // Without a scheme it may be anything but a user and a password.
    if (to > 0 && (isUrl || host.slice(0, to).includes(':'))) hide(from, from + to);
    at = from;
  }
}

function hasNoPort(host: string): boolean {
  const colon = host.lastIndexOf(':');
  const port = host.slice(colon + 1);
  return colon >= 0 && port !== '' && !/^\d{1,5}$/.test(port) && !port.includes(']');
}

function partFrom(text: string, from: number, limit: number, end: RegExp): string {
  const part = text.slice(from, from + limit);
  return part.slice(0, execFrom(end, part, 0)?.index ?? part.length);
}

/** Schemes and fields of a message whose value is an address; digests of images. */
const NO_USER = /^(?:mailto|e?mail|to|from|cc|bcc|by|user|reply-to|for|sha\d{1,9})$/i;
const IN_PASSWORD = /[^\s:@/"'`<>,;()]/;

/** An address behind a colon has letters alone, as a rule, and a host with a dot: the password has both letters and digits. */
export function* credentialsBeforeHost({ text, hide }: Scan): Steps<void> {
  const pacer = new Pacer();
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    if (pacer.isDue(at)) yield;
    if (!/^(?!sha\d)[a-z0-9]/i.test(text.slice(at + 1, at + 6))) continue;
    let from = at;
    while (from > 0 && at - from < 101 && IN_PASSWORD.test(text[from - 1] ?? ' ')) from -= 1;
    const password = text.slice(from, at);
    if (text[from - 1] !== ':' || password.length < 4 || password.length > 100) continue;
    if (!/\d/.test(password) || !/\p{L}/u.test(password)) continue;
    const user = userBefore(text, from - 1);
    if (user !== '' && !NO_USER.test(user)) hide(from, at);
  }
}

/** The name that ends here; empty where it is part of a path or of another address. */
function userBefore(text: string, to: number): string {
  const isUserChar = (at: number) =>
    isLetterOrDigit(text.charCodeAt(at)) || '_.%+-'.includes(text[at] ?? 'x');
  let from = to;
  while (from > 0 && to - from < 61 && isUserChar(from - 1)) from -= 1;
  const isPart = from > 0 && '@/:'.includes(text[from - 1] ?? 'x');
  return isPart || to - from > 60 ? '' : text.slice(from, to);
}
