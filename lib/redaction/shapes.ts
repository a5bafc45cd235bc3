/*
 * SecretRegistry that show by their shape alone, whatever stands before them. Every pattern is linear: what precedes it keeps
 * a run of characters from being tried from each of its places.
 */

/** Where something to hide stands, UTF-16 offsets. */
export interface Span {
  from: number;
  to: number;
}

const TOKENS = new RegExp(
  `(?<![A-Za-z0-9_-])(?:${[
    // JSON Web Tokens, signed or encrypted: their first part is the base64url of a JSON object.
    'e(?:yJ|yA|wo)[A-Za-z0-9_-]{6,4096}\\.[A-Za-z0-9_-]{2,}(?:\\.[A-Za-z0-9_-]*){0,3}',
    '(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}',
    'gh[pousr]_[A-Za-z0-9]{16,}',
    'github_pat_[A-Za-z0-9_]{16,}',
    'gl(?:pat|dt|rt|ptt)-[A-Za-z0-9_-]{16,}',
    'xox[a-z](?:\\.xox[a-z])?-[A-Za-z0-9-]{8,}',
    'xapp-[A-Za-z0-9-]{8,}',
    '[spr]k_(?:live|test)_[A-Za-z0-9]{8,}',
    'whsec_[A-Za-z0-9+/=]{8,}',
    'SG\\.[A-Za-z0-9_-]{16,64}\\.[A-Za-z0-9_-]{16,}',
    'AIza[A-Za-z0-9_-]{30,}',
    'ya29\\.[A-Za-z0-9_-]{16,}',
    'sk-[A-Za-z0-9_-]{20,}',
    'shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}',
    'npm_[A-Za-z0-9]{30,}',
    'pypi-[A-Za-z0-9_-]{16,}',
    'do[opr]_v1_[a-f0-9]{32,}',
    'hf_[A-Za-z0-9]{30,}',
    'key-[0-9a-f]{32}',
    'SK[0-9a-f]{32}',
    'hv[sbr]\\.[A-Za-z0-9_-]{20,}',
    'dckr_pat_[A-Za-z0-9_-]{20,}',
    'sq0[a-z]{3}-[A-Za-z0-9_-]{20,}',
    'EAA[A-Za-z0-9]{30,}',
  ].join('|')})`,
  'g',
);
/** A message that Rails signed (a cookie, a signed GlobalID), and one that it encrypted. */
const SIGNED =
  /(?<![A-Za-z0-9+/=%_-])[A-Za-z0-9+/=%_-]{16,}?--[A-Za-z0-9+/=%]{12,}(?:--[A-Za-z0-9+/=%]{12,})?/g;
const HOOKS =
  /(?<=hooks\.slack\.com\/(?:services|workflows|triggers)\/|discord(?:app)?\.com\/api\/webhooks\/)[A-Za-z0-9/_-]{8,}/g;
const SCHEMES = /\b(bearer|basic)(?:\s|%20|\+){1,4}([A-Za-z0-9._~+/=-]{6,})/gi;
/** Words that follow `bearer` in a sentence. */
const NO_TOKEN =
  /^(?:authentication|authorization|authenticate|tokens?|scheme|schema|credentials?|header|headers|method)[.,]?$/i;
const DIGITS = /(?<![\dA-Za-z_.-])\d(?:[ .-]?\d){14,15}(?![\dA-Za-z_-]|\.\d)/g;
/** Social security numbers of the United States. */
const SSN = /(?<![\w.-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-]|\.\d)/g;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i;

/** Length and first digits of the card schemes, and the check digit; articles and ids have other lengths. */
export function isCardNumber(text: string): boolean {
  const digits = text.replaceAll(/[ .-]/g, '');
  if (
    !/^(?:4\d{15}|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|(?:6011|64[4-9]\d|65\d\d|35[2-8]\d|62\d\d)\d{12}|(?:50|5[6-9]|6[37])\d{14})$/.test(
      digits,
    )
  )
    return false;
  let sum = 0;
  for (let n = 0; n < digits.length; n += 1) {
    const digit = Number(digits[digits.length - 1 - n]);
    sum += n % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2;
  }
  return sum % 10 === 0 && !/^(\d)\1+$/.test(digits);
}

/** SecretRegistry in a text by their shape, in no order. */
export function shapedSecrets(text: string): Span[] {
  const found: Span[] = [];
  const add = (
    pattern: RegExp,
    fits: (match: RegExpExecArray) => Span | null = (match) => ({
      from: match.index,
      to: match.index + match[0].length,
    }),
  ) => {
    for (const match of text.matchAll(pattern)) {
      const span = fits(match);
      if (span) found.push(span);
    }
  };
  if (text.length >= 12) add(TOKENS);
  if (text.includes('--')) {
    add(SIGNED, (match) =>
      /[0-9]/.test(match[0]) && /[A-Za-z]/.test(match[0]) && !/^[a-z-]+$/.test(match[0])
        ? { from: match.index, to: match.index + match[0].length }
        : null,
    );
    for (const span of privateKeys(text)) found.push(span);
  }
  if (text.includes('/')) add(HOOKS);
  add(SCHEMES, (match) => {
    const [all, scheme = '', value = ''] = match;
    const isToken =
      scheme.toLowerCase() === 'basic'
        ? Buffer.from(value, 'base64').includes(58)
        : !NO_TOKEN.test(value);
    return isToken
      ? { from: match.index + all.length - value.length, to: match.index + all.length }
      : null;
  });
  add(DIGITS, (match) => {
    const around = text.slice(Math.max(0, match.index - 24), match.index + match[0].length + 24);
    return isCardNumber(match[0]) && !UUID.test(around)
      ? { from: match.index, to: match.index + match[0].length }
      : null;
  });
  add(SSN);
  if (text.includes('//') || text.includes('\\/') || /%2F%2F/i.test(text))
    for (const span of userInfo(text)) found.push(span);
  return found;
}

/** What stands between a private key's lines; of one that is cut off, all the rest. */
function privateKeys(text: string): Span[] {
  const found: Span[] = [];
  let end = 0;
  for (const match of text.matchAll(/-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g)) {
    if (match.index < end) continue;
    const from = match.index + match[0].length;
    const closing = text.indexOf('-----END', from);
    end = closing < 0 ? text.length : closing;
    found.push({ from, to: end });
  }
  return found;
}

/**
 * The user and password before a URL's host, also where it has no scheme, where JSON has escaped its slashes and where a
 * query has escaped all of it. A password may hold an unescaped slash: then what stands after its colon is no port.
 */
function userInfo(text: string): Span[] {
  const found: Span[] = [];
  for (const match of text.matchAll(/(:?)(?:\\{0,7}\/){2}|%2F%2F/gi)) {
    const from = match.index + match[0].length;
    const isEscaped = match[0].startsWith('%');
    const host = inWord(
      text,
      from,
      from + 600,
      isEscaped ? /[\s"'`<>\\/?#&]|%2F|%3F|%23|%26/i : /[\s"'`<>\\/?#]/,
    );
    let to = isEscaped ? host.lastIndexOf('%40') : host.lastIndexOf('@');
    if (!isEscaped && match[1] && to < 0 && /:(?!\d{1,5}$)[^:\]]+$/.test(host))
      to = inWord(text, from, from + 200, /[\s"'`<>\\]/).lastIndexOf('@');
    // Without a scheme it may be anything but a user and a password.
    if (to > 0 && (match[1] || isEscaped || host.slice(0, to).includes(':')))
      found.push({ from, to: from + to });
  }
  return found;
}

/** The text from here to where such a character stands, or to the limit. */
function inWord(text: string, from: number, limit: number, end: RegExp): string {
  const part = text.slice(from, limit);
  const at = part.search(end);
  return at < 0 ? part : part.slice(0, at);
}
