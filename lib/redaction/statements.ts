import type { Steps } from '../core/steps';
import { multilineRegExp } from '../core/text';
import { isHarmlessValue } from './harmless-values';
import type { NameMatcher } from './key-names';
import {
  type Scan,
  type Span,
  StepCounter,
  execFrom,
  isLetterOrDigit,
  isSpace,
  isWordPart,
} from './scan';

/*
 * Credentials on a command line without a secret name: `mysql -ppassword`, `curl -u user:password`.
 * The rule keeps the last command and reads each option once.
 */

/** Characters after a command within which its options are read. */
const MAX_DISTANCE = 200;

interface CommandOption {
  command: RegExp;
  /** Matches at the option. The first group is the password. */
  option: RegExp;
}

/** Commands with an option that takes a password. */
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
const COMMAND_OR_OPTION = multilineRegExp('g')`
  \b(?:
    mysql\w{0,12}|mariadb\w{0,12}|docker\slogin|podman\slogin|helm\sregistry|oc\slogin|az\slogin
    |sshpass|mongo(?:sh|dump|restore|export|import)?|vncviewer|redis-cli
    |ldap(?:search|modify|add|passwd|whoami)|(?:un)?zip|7z[ar]?|p7zip|(?:un)?rar|smbclient
    |rpcclient
  )\b
  |[\n|;]|&&
  |\b(?:ssh|scp|sftp|mkdir|cp|ps|tar|psql|pg_dump|pg_restore|nc|git|rsync|kubectl|docker|podman)\s
  |(?<=\s)-[a-zA-Z]`;
/** The end of a command, or a command that takes no password. */
const ENDS_COMMAND = /^[\n|;&]|\s$/;

/** `-u user:password`, `--user` and `--proxy-user` of any command, such as `curl`. */
const USER_AND_PASSWORD = /(?:^|\s)(?:-u|--user|--proxy-user)[ =]["']?[^\s:"']{1,60}:([^\s"']+)/dgi;
const IDENTIFIED_BY = /\bidentified\s(?:with\s\w{1,40}\s)?by\s["']([^"']+)/dgi;
/** `openssl … -passin pass:secret` */
const PASS_ARGUMENT = /\s-pass(?:in|out)?\spass:([^\s"']+)/dgi;
const ANY_COMMAND_PATTERNS: readonly RegExp[] = [USER_AND_PASSWORD, IDENTIFIED_BY, PASS_ARGUMENT];

/** Hides credentials on command lines. */
export function* findCommandLineCredentials({ text, hide }: Scan): Steps<void> {
  const stepCounter = new StepCounter();
  if (text.includes('-')) yield* hideCommandOptions(text, hide, stepCounter);
  for (const pattern of ANY_COMMAND_PATTERNS)
    for (let at = 0; ;) {
      const match = execFrom(pattern, text, at);
      if (!match) break;
      const [from, to] = match.indices?.[1] ?? [0, 0];
      hide(from, to);
      at = to;
      if (stepCounter.isDue(at)) yield;
    }
}

function* hideCommandOptions(
  text: string,
  hide: Scan['hide'],
  stepCounter: StepCounter,
): Steps<void> {
  let command = '';
  let commandEnd = -1;
  for (let at = 0; ;) {
    const match = execFrom(COMMAND_OR_OPTION, text, at);
    if (!match) return;
    const [token] = match;
    at = match.index + token.length;
    if (stepCounter.isDue(at)) yield;
    if (!token.startsWith('-')) {
      command = ENDS_COMMAND.test(token) ? '' : token;
      commandEnd = at;
      continue;
    }
    if (command === '' || match.index - commandEnd > MAX_DISTANCE) continue;
    for (const { command: commandPattern, option } of COMMAND_OPTIONS) {
      const value = commandPattern.test(command) ? execFrom(option, text, match.index) : null;
      const [from, to] = value?.indices?.[1] ?? [0, 0];
      hide(from, to);
      at = Math.max(at, to);
      // Another command with its own options follows the password of `sshpass`.
      if (to > 0 && command === 'sshpass') command = '';
    }
  }
}

/*
 * The user info of a URL, with or without a scheme, and `user:password@host`. Reading ahead is
 * bounded by MAX_USER_INFO, and reading back from an `@` stops at the previous `:` or `@`.
 */

const MAX_USER_INFO = 600;
/** Characters read of user info whose password contains a slash. */
const MAX_SLASHED = 200;
const HOST_END = /[\s"'`<>\\/?#]/g;
const WORD_END = /[\s"'`<>\\]/g;

/** Hides the user info of URLs. */
export function* findUrlUserInfo({ text, hide }: Scan): Steps<void> {
  const stepCounter = new StepCounter();
  for (let at = text.indexOf('//'); at >= 0; at = text.indexOf('//', at)) {
    if (stepCounter.isDue(at)) yield;
    const from = at + 2;
    const isUrl = text[at - 1] === ':';
    const host = partFrom(text, from, MAX_USER_INFO, HOST_END);
    let to = host.lastIndexOf('@');
    // Without a port after the colon, the slash belongs to a password.
    if (to < 0 && isUrl && hasNoPort(host))
      to = partFrom(text, from, MAX_SLASHED, WORD_END).lastIndexOf('@');
    // Without a scheme, only text with a colon is a user and a password.
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

/** Names before a colon that are not users: mail headers, URL schemes and image digests. */
const NOT_A_USER = /^(?:mailto|e?mail|to|from|cc|bcc|by|user|reply-to|for|sha\d{1,9})$/i;
const PASSWORD_CHAR = /[^\s:@/"'`<>,;()]/;

/**
 * Hides the password in `user:password@host`. It must mix letters and digits, because mail
 * addresses also follow colons.
 */
export function* findCredentialsBeforeHost({ text, hide }: Scan): Steps<void> {
  const stepCounter = new StepCounter();
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    if (stepCounter.isDue(at)) yield;
    if (!/^(?!sha\d)[a-z0-9]/i.test(text.slice(at + 1, at + 6))) continue;
    let from = at;
    while (from > 0 && at - from < 101 && PASSWORD_CHAR.test(text[from - 1] ?? ' ')) from -= 1;
    const password = text.slice(from, at);
    if (text[from - 1] !== ':' || password.length < 4 || password.length > 100) continue;
    if (!/\d/.test(password) || !/\p{L}/u.test(password)) continue;
    const user = userBefore(text, from - 1);
    if (user !== '' && !NOT_A_USER.test(user)) hide(from, at);
  }
}

/** The user name that ends here, or '' if it is part of a path or of another address. */
function userBefore(text: string, to: number): string {
  const isUserChar = (at: number) =>
    isLetterOrDigit(text.charCodeAt(at)) || '_.%+-'.includes(text[at] ?? 'x');
  let from = to;
  while (from > 0 && to - from < 61 && isUserChar(from - 1)) from -= 1;
  const isPart = from > 0 && '@/:'.includes(text[from - 1] ?? 'x');
  return isPart || to - from > 60 ? '' : text.slice(from, to);
}

/*
 * Column lists with values: `(email, password) VALUES ('a', '…'), ('b', '…')`,
 * `(email, password) = ('a', '…')`, and PostgreSQL's `Key (email, lower(token))=(a, …)`. Values of
 * secret columns are hidden; if the number of values differs from the number of columns, all are.
 */

/** The text between columns and values. */
const SEPARATOR =
  /\s*(?:=|(?:OVERRIDING\s{1,8}\w{1,10}\s{1,8}VALUE\s+)?VALUES|(?:NOT\s{1,8})?IN)\s*(?=\()/iy;
const NEXT_ROW = /\s*,\s*(?=\()/y;
const IDENTIFIER = /[\p{L}\p{N}_$]{1,128}/gu;
const MAX_EXPRESSION_LENGTH = 500;
/** The bracket after the values in PostgreSQL's message, or the next values on the line. */
const DETAIL_END =
  /\)(?=(?: already exists| is not present| is still referenced| conflicts with| is duplicated|[はがの]))|\)=\(|[\r\n]/g;

/** Hides the values of secret columns in SQL and in PostgreSQL's messages. */
export function* findSqlLists({ text, keys, hide }: Scan): Steps<void> {
  if (!text.includes(')')) return;
  const stepCounter = new StepCounter();
  let open: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    if (stepCounter.isDue(at)) yield;
    const code = text.charCodeAt(at);
    if (code === 0x28) open.push(at);
    if (code !== 0x29) continue;
    const from = open.pop();
    const separator = from === undefined ? null : execFrom(SEPARATOR, text, at + 1);
    if (from === undefined || !separator) continue;
    open = [];
    const names = partsUntil(text, from + 1, at).map((part) =>
      secretName(text.slice(part.from, part.to), keys),
    );
    const valuesFrom = at + 1 + separator[0].length;
    if (!names.some((name) => name !== null)) {
      at = valuesFrom - 1;
      continue;
    }
    const isDetail = separator[0] === '=' && text[valuesFrom + 1] !== "'";
    if (isDetail) at = hideDetail(text, valuesFrom, names, hide) - 1;
    else at = (yield* hideRows(text, valuesFrom, names, hide)) - 1;
  }
}

/** The secret name of each column, or null. */
type Names = readonly (string | null)[];

/** The secret name in a column expression such as `lower(api_token::text)`; null: none. */
function secretName(expression: string, keys: NameMatcher): string | null {
  const column = expression.slice(0, MAX_EXPRESSION_LENGTH).replaceAll(/^\W+|\W+$/g, '');
  if (keys.isSecret(column)) return column;
  return column.match(IDENTIFIER)?.find((name) => keys.isSecret(name)) ?? null;
}

/** Hides the values of SQL rows that begin at this bracket. Returns the offset after them. */
function* hideRows(text: string, start: number, names: Names, hide: Scan['hide']): Steps<number> {
  const stepCounter = new StepCounter();
  let at = start;
  // The rows of `IN ((1, 2), (3, 4))` have an outer bracket.
  const outer = execFrom(/\(\s*(?=\()/y, text, at);
  if (outer) at += outer[0].length;
  while (text[at] === '(') {
    const row = rowAt(text, at + 1);
    row.values.forEach(({ from, to }, n) => {
      if (row.values.length !== names.length || names[n] !== null) hide(from, to);
    });
    const comma = execFrom(NEXT_ROW, text, row.to);
    at = row.to + (comma?.[0].length ?? 0);
    if (stepCounter.isDue(at)) yield;
    if (!comma) break;
  }
  return at;
}

/**
 * Hides the values in a message of PostgreSQL, which does not quote them. Returns the offset after
 * them.
 */
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
    if (name !== null && !isHarmlessValue(() => name, value)) hide(at, at + value.length);
    at += value.length + 2;
  }
  return to;
}

/** The closing bracket before the rest of the message, or the first one that no word follows. */
function endOfDetail(text: string, from: number): number {
  const end = execFrom(DETAIL_END, text, from);
  if (end?.[0] === ')') return end.index;
  const limit = end ? end.index + 1 : text.length;
  for (let at = text.indexOf(')', from); at >= 0 && at < limit; at = text.indexOf(')', at + 1))
    if (text[at + 1] !== ')' && !isWordPart(text.charCodeAt(at + 1))) return at;
  return end?.[0] === ')=(' ? end.index : limit;
}

/** The values up to the closing bracket, without their quotes. */
function rowAt(text: string, start: number): { values: Span[]; to: number } {
  const values = partsUntil(text, start, text.length);
  const end = values.at(-1)?.to ?? start;
  return {
    values: values.map(({ from, to }) => trimSpan(text, from, to)),
    to: Math.min(text.length, end + 1),
  };
}

/**
 * The comma-separated parts up to the limit or the closing bracket. Quotes and nested brackets are
 * not split.
 */
function partsUntil(text: string, start: number, limit: number): Span[] {
  const parts: Span[] = [];
  let from = start;
  let isQuoted = false;
  let depth = 0;
  for (let at = start; at < limit; at += 1) {
    const char = text[at];
    if (char === "'") isQuoted = !isQuoted;
    else if (isQuoted) continue;
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

/** The span without white space and quotes at its ends. */
function trimSpan(text: string, start: number, end: number): Span {
  const isEdge = (at: number) => text[at] === "'" || isSpace(text.charCodeAt(at));
  let from = start;
  let to = end;
  while (from < to && isEdge(from)) from += 1;
  while (to > from && isEdge(to - 1)) to -= 1;
  return { from, to };
}
