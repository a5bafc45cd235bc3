import type { Steps } from '../core/steps';
import { isPlainValue } from './harmless-values';
import type { NameJudge } from './key-names';
import {
  Pacer,
  type Scan,
  type Span,
  execFrom,
  isLetterOrDigit,
  isSpace,
  isWordPart,
} from './scan';

/*
 * Credentials on a command line that stand behind no secret name: `mysql -ppassword`, `curl -u user:password`. The rule
 * remembers the last command of the line and looks at each option once.
 */

/** How far behind its command an option may stand. */
const MAX_DISTANCE = 200;

interface CommandOption {
  command: RegExp;
  /** Right at the option; the password is the first group. */
  option: RegExp;
}

/** The commands by name, and the options that take a password. */
const COMMAND_OPTIONS: readonly CommandOption[] = [
  { command: /^(?:mysql|mariadb)/i, option: /-p["']?([^\s"']+)/dy },
  { command: /^(?:docker|podman|helm|oc|az)/i, option: /-p[ =]?["']?([^\s"']+)/dy },
  { command: /^(?:sshpass|mongo|vncviewer)/i, option: /-p[ =]{0,3}["']?([^\s"']+)/dy },
  { command: /^redis-cli/i, option: /-a[ =]["']?([^\s"']+)/dy },
  { command: /^ldap/i, option: /-w[ =]?["']?([^\s"']+)/dy },
  { command: /^(?:un)?zip/i, option: /-P ?["']?([^\s"']+)/dy },
  { command: /^(?:7z|p7zip|unrar|rar)/i, option: /-p["']?([^\s"']+)/dy },
  { command: /^(?:smbclient|rpcclient|net)/i, option: /-U[ =]?["']?[^\s%"']{1,60}%([^\s"']+)/dy },
];
const COMMAND_OR_OPTION =
  /\b(?:mysql\w{0,12}|mariadb\w{0,12}|docker\slogin|podman\slogin|helm\sregistry|oc\slogin|az\slogin|sshpass|mongo(?:sh|dump|restore|export|import)?|vncviewer|redis-cli|ldap(?:search|modify|add|passwd|whoami)|(?:un)?zip|7z[ar]?|p7zip|(?:un)?rar|smbclient|rpcclient)\b|[\n|;]|&&|\b(?:ssh|scp|sftp|mkdir|cp|ps|tar|psql|pg_dump|pg_restore|nc|git|rsync|kubectl|docker|podman)\s|(?<=\s)-[a-zA-Z]/g;
/** The end of a command, or another one, which takes no password. */
const ENDS_COMMAND = /^[\n|;&]|\s$/;

/** `curl -u user:password`, `--user`, `--proxy-user`: of any command. */
const USER_AND_PASSWORD = /(?:^|\s)(?:-u|--user|--proxy-user)[ =]["']?[^\s:"']{1,60}:([^\s"']+)/dgi;
const IDENTIFIED_BY = /\bidentified\s(?:with\s\w{1,40}\s)?by\s["']([^"']+)/dgi;
/** `openssl … -passin pass:secret` */
const PASS_ARGUMENT = /\s-pass(?:in|out)?\spass:([^\s"']+)/dgi;
export const ANYWHERE: readonly RegExp[] = [USER_AND_PASSWORD, IDENTIFIED_BY, PASS_ARGUMENT];

export function* commandLines({ text, hide }: Scan): Steps<void> {
  const pacer = new Pacer();
  let command = '';
  let commandEnd = -1;
  if (text.includes('-'))
    for (let at = 0; ;) {
      const match = execFrom(COMMAND_OR_OPTION, text, at);
      if (!match) break;
      const [found] = match;
      at = match.index + found.length;
      if (pacer.isDue(at)) yield;
      if (!found.startsWith('-')) {
        command = ENDS_COMMAND.test(found) ? '' : found;
        commandEnd = at;
        continue;
      }
      if (command === '' || match.index - commandEnd > MAX_DISTANCE) continue;
      for (const { command: own, option } of COMMAND_OPTIONS) {
        const value = own.test(command) ? execFrom(option, text, match.index) : null;
        const [from, to] = value?.indices?.[1] ?? [0, 0];
        hide(from, to);
        at = Math.max(at, to);
        // The password is for the command behind it, which has options of its own.
        if (to > 0 && command === 'sshpass') command = '';
      }
    }
  for (const pattern of ANYWHERE)
    for (let at = 0; ;) {
      const match = execFrom(pattern, text, at);
      if (!match) break;
      const [from, to] = match.indices?.[1] ?? [0, 0];
      hide(from, to);
      at = to;
      if (pacer.isDue(at)) yield;
    }
}

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

/*
 * Columns in brackets and their values: `(email, password) VALUES ('a', '…'), ('b', '…')`, `(email, password) = ('a', '…')`,
 * and PostgreSQL's `Key (email, lower(token))=(a, …)`. The values in the places of secret columns are hidden; of a row with
 * another number of values, all. The rule remembers the open brackets, so a list may have any length; what is inside of a
 * list that has values belongs to no other list.
 */

/** What stands between columns and values. */
const SIGN =
  /\s*(?:=|(?:OVERRIDING\s{1,8}\w{1,10}\s{1,8}VALUE\s+)?VALUES|(?:NOT\s{1,8})?IN)\s*(?=\()/iy;
const NEXT_ROW = /\s*,\s*(?=\()/y;
const IDENTIFIER = /[\p{L}\p{N}_$]{1,128}/gu;
const MAX_EXPRESSION_LENGTH = 500;
/** The bracket behind the values of PostgreSQL's message, or the next values of the line. */
const DETAIL_END =
  /\)(?=(?: already exists| is not present| is still referenced| conflicts with| is duplicated|[はがの]))|\)=\(|[\r\n]/g;

export function* sqlLists({ text, keys, hide }: Scan): Steps<void> {
  if (!text.includes(')')) return;
  const pacer = new Pacer();
  let open: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    if (pacer.isDue(at)) yield;
    const code = text.charCodeAt(at);
    if (code === 0x28) open.push(at);
    if (code !== 0x29) continue;
    const from = open.pop();
    const sign = from === undefined ? null : execFrom(SIGN, text, at + 1);
    if (from === undefined || !sign) continue;
    open = [];
    const names = partsUntil(text, from + 1, at).map((part) =>
      secretName(text.slice(part.from, part.to), keys),
    );
    const values = at + 1 + sign[0].length;
    if (!names.some((name) => name !== null)) {
      at = values - 1;
      continue;
    }
    const isDetail = sign[0] === '=' && text[values + 1] !== "'";
    if (isDetail) at = hideDetail(text, values, names, hide) - 1;
    else at = (yield* hideRows(text, values, names, hide)) - 1;
  }
}

type Names = readonly (string | null)[];

/** The secret name that an expression over columns has: `lower(api_token::text)`; null: it has none. */
function secretName(expression: string, keys: NameJudge): string | null {
  const own = expression.slice(0, MAX_EXPRESSION_LENGTH).replaceAll(/^\W+|\W+$/g, '');
  if (keys.isSecret(own)) return own;
  return own.match(IDENTIFIER)?.find((name) => keys.isSecret(name)) ?? null;
}

/** The values of rows in SQL from this bracket on; returns where they end. */
function* hideRows(text: string, start: number, names: Names, hide: Scan['hide']): Steps<number> {
  const pacer = new Pacer();
  let at = start;
  // The rows of `IN ((1, 2), (3, 4))` have a bracket around them.
  const inner = execFrom(/\(\s*(?=\()/y, text, at);
  if (inner) at += inner[0].length;
  while (text[at] === '(') {
    const row = rowAt(text, at + 1);
    row.values.forEach(({ from, to }, n) => {
      if (row.values.length !== names.length || names[n] !== null) hide(from, to);
    });
    const comma = execFrom(NEXT_ROW, text, row.to);
    at = row.to + (comma?.[0].length ?? 0);
    if (pacer.isDue(at)) yield;
    if (!comma) break;
  }
  return at;
}

/** The values of a message of PostgreSQL, which writes them as they are; returns where they end. */
function hideDetail(text: string, start: number, names: Names, hide: Scan['hide']): number {
  const from = start + 1;
  const to = endOfDetail(text, from);
  const values = text.slice(from, to).split(', ');
  if (values.length !== names.length) {
    hide(from, to);
    return to;
  }
  let at = from;
  for (const [n, value] of values.entries()) {
    const name = names[n] ?? null;
    if (name !== null && !isPlainValue(name, value)) hide(at, at + value.length);
    at += value.length + 2;
  }
  return to;
}

/** The bracket before the rest of the message, or the first one with no word right behind it. */
function endOfDetail(text: string, from: number): number {
  const end = execFrom(DETAIL_END, text, from);
  if (end?.[0] === ')') return end.index;
  const limit = end ? end.index + 1 : text.length;
  for (let at = text.indexOf(')', from); at >= 0 && at < limit; at = text.indexOf(')', at + 1))
    if (text[at + 1] !== ')' && !isWordPart(text.charCodeAt(at + 1))) return at;
  return end?.[0] === ')=(' ? end.index : limit;
}

/** The values up to the closing bracket; those in quotes without them. */
function rowAt(text: string, start: number): { values: Span[]; to: number } {
  const values = partsUntil(text, start, text.length);
  const end = values.at(-1)?.to ?? start;
  return {
    values: values.map(({ from, to }) => trimmed(text, from, to)),
    to: Math.min(text.length, end + 1),
  };
}

/** What commas separate up to the limit, or up to the bracket that closes the list; quotes and inner brackets are whole. */
function partsUntil(text: string, start: number, limit: number): Span[] {
  const parts: Span[] = [];
  let [from, quoted, depth] = [start, false, 0];
  for (let at = start; at < limit; at += 1) {
    const char = text[at];
    if (char === "'") quoted = !quoted;
    else if (quoted) continue;
    else if (char === '(') depth += 1;
    else if (char === ')' && depth > 0) depth -= 1;
    else if (depth === 0 && (char === ',' || char === ')')) {
      parts.push({ from, to: at });
      from = at + 1;
      if (char === ')') return parts;
    }
  }
  return [...parts, { from, to: limit }];
}

function trimmed(text: string, start: number, end: number): Span {
  const isEdge = (at: number) => text[at] === "'" || isSpace(text.charCodeAt(at));
  let [from, to] = [start, end];
  while (from < to && isEdge(from)) from += 1;
  while (to > from && isEdge(to - 1)) to -= 1;
  return { from, to };
}
