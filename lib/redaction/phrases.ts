import type { Keys } from './keys';
import type { Span } from './shapes';
import { valueAt } from './values';

/*
 * SecretRegistry that stand in a text neither behind their name and a sign, nor have a shape of their own: told apart by the
 * words around them. Every pattern is bounded.
 */

export function phrases(text: string, keys: Keys): Span[] {
  return [...pairs(text, keys), ...inserted(text, keys), ...matches(text)];
}

const NAME_AND_VALUE = new RegExp(
  String.raw`(?<![\p{L}\p{N}_])(?:name|key|field|header|attribute|param|parameter|property|variable|column|setting|path|(?:field|attribute|header|param|variable)_?name)(?:\\{0,7}["'])?\s{0,3}(?:=>|[:=])\s{0,3}(?:\\{0,7}["'])?[:/]?` +
    String.raw`(?<name>[\p{L}\p{N}_.$@-]{1,100})(?:\\{0,7}["'])?\s{0,3}[,;&]?\s{0,3}`,
  'giu',
);
const VALUE_OF =
  /(?:\\{0,7}["'])?:?(?:values?|val|v|content|data|text|input|was|is|old|new|from|to|before|after|current|(?:old|new)_?value)(?:\\{0,7}["'])?\s{0,3}(?:=>|[:=])/iy;
/** What belongs to one name: before and after. */
const VALUES = 3;

/** `{"key":"api_key","value":"…"}`, `name=password&value=…`, `<input name="password" value="…">`. */
function pairs(text: string, keys: Keys): Span[] {
  const found: Span[] = [];
  let end = 0;
  for (const match of text.matchAll(NAME_AND_VALUE)) {
    if (match.index < end || !keys.isSecret(match.groups?.name ?? '')) continue;
    let at = match.index + match[0].length;
    for (let n = 0; n < VALUES; n += 1) {
      VALUE_OF.lastIndex = at;
      const behind = VALUE_OF.exec(text);
      if (!behind) break;
      const from = at + behind[0].length;
      const value = valueAt(text, from, behind[0].endsWith(':'), null);
      found.push(value);
      end = value.to;
      at =
        value.to +
        (/^(?:\\{0,7}["'])?\s{0,3}[,;&]?\s{0,3}/.exec(text.slice(value.to, value.to + 20))?.[0]
          .length ?? 0);
    }
  }
  return found;
}

/** `(email, password) VALUES ('a', '…')`: those in the places of secret columns; of a row that is read otherwise, all. */
function inserted(text: string, keys: Keys): Span[] {
  const found: Span[] = [];
  let end = 0;
  for (const match of text.matchAll(/\(([^()]{1,500})\)\s{1,3}VALUES\s{0,3}(?=\()/gi)) {
    if (match.index < end) continue;
    const columns = (match[1] ?? '').split(',').map((column) => keys.isSecret(column));
    if (!columns.includes(true)) continue;
    let at = match.index + match[0].length;
    while (text[at] === '(') {
      const row = rowAt(text, at + 1);
      end = row.to;
      row.values.forEach(
        (value, n) => (columns[n] || row.values.length !== columns.length) && found.push(value),
      );
      at =
        row.to + (/^\s{0,3},\s{0,3}(?=\()/.exec(text.slice(row.to, row.to + 8))?.[0].length ?? 8);
      if (row.to >= text.length) break;
    }
  }
  return found;
}

/** The values up to the closing bracket; those in quotes without them. */
function rowAt(text: string, start: number): { values: Span[]; to: number } {
  const values: Span[] = [];
  let [from, at, quoted] = [start, start, false];
  for (; at < text.length; at += 1) {
    if (text[at] === "'") quoted = !quoted;
    else if (!quoted && (text[at] === ',' || text[at] === ')')) {
      values.push(trimmed(text, from, at));
      from = at + 1;
      if (text[at] === ')') return { values, to: at + 1 };
    }
  }
  return { values: [...values, trimmed(text, from, at)], to: at };
}

function trimmed(text: string, from: number, to: number): Span {
  const isEdge = (at: number) => /[\s']/.test(text[at] ?? '');
  while (from < to && isEdge(from)) from += 1;
  while (to > from && isEdge(to - 1)) to -= 1;
  return { from, to };
}

/** Each has the secret in a group of its own. */
const PATTERNS: { pattern: RegExp; needs: RegExp; isSecret?: (value: string) => boolean }[] = [
  // `curl -u user:password`, `IDENTIFIED BY 'password'`, `mysql -ppassword`, `sshpass -p password`
  {
    needs: /-u|--user|proxy-user/i,
    pattern: /(?:^|\s)(?:-u|--user|--proxy-user)[ =]["']?[^\s:"']{1,60}:([^\s"']+)/dgi,
  },
  { needs: /identified/i, pattern: /\bidentified\s(?:with\s\w{1,40}\s)?by\s["']([^"']+)/dgi },
  {
    needs: /mysql|mariadb/i,
    pattern: /\b(?:mysql|mariadb)\w{0,12}\b[^\n|;]{0,200}?\s-p([^\s"']+)/dgi,
  },
  { needs: /sshpass/i, pattern: /\bsshpass\s{1,3}-p\s{0,3}["']?([^\s"']+)/dgi },
  { needs: /docker/i, pattern: /\bdocker\slogin\b[^\n|;]{0,200}?\s-p[ =]?["']?([^\s"']+)/dgi },
  // `Incorrect API key provided: …`
  {
    needs:
      /(?:key|token|password|secret|code|passphrase|pin)s? (?:provided|given|supplied|received|entered|used|sent)/i,
    pattern:
      /\b(?:key|token|password|secret|passphrase|passcode|pin)s?\s(?:provided|given|supplied|received|entered|used|sent)(?:\swas)?\s?[:=]\s{0,3}["'`(]?([^\s"'`)]+)/dgi,
  },
  // `OTP code 482133 is invalid`, `cvv 123`
  {
    needs: /\d{3}/,
    pattern:
      /\b(?:(?:otp|totp|mfa|2fa|cvv2?|cvc2?|csc|pin|passcode)(?:\s(?:code|number))?|(?:verification|security|one[- ]time|sms|login|confirmation|reset|recovery|backup)\s(?:code|pin|passcode))(?:\s(?:is|was|of|value))?\s{1,3}["'`#(]?(\d{3,10})(?![\w.-]\w)/dgi,
  },
  // `/reset_password/…`: a link that lets in who has it.
  {
    needs: /\/(?:re|pass|conf|tok|magic|unlock|verif)/i,
    isSecret: (value) => /\d/.test(value) && /[A-Za-z]/.test(value),
    pattern:
      /\/(?:reset[_-]?passwords?|passwords?[_-]?resets?|passwords?\/(?:reset|edit)|magic[_-]?links?|confirm(?:ation)?s?|tokens?|unlocks?|verify|verifications?)\/([A-Za-z0-9_~+=-]{8,})(?![\w~+=-])/dgi,
  },
  // `user:password@host`: an address behind a colon has letters alone, as a rule, and a host with a dot.
  {
    needs: /@/,
    isSecret: (value) => /\d/.test(value) && /\p{L}/u.test(value),
    pattern:
      /(?<![\p{L}\p{N}_@/:.%+-])(?!(?:mailto|e?mail|to|from|cc|bcc|by|user|reply-to|for|sha\d+):)[\p{L}\p{N}_.%+-]{1,60}:([^\s:@/"'`<>,;()]{4,100})@(?!sha\d)[a-z0-9]/dgiu,
  },
];

function matches(text: string): Span[] {
  return PATTERNS.flatMap(({ pattern, needs, isSecret = () => true }) => {
    if (!needs.test(text)) return [];
    return [...text.matchAll(pattern)].flatMap((match) => {
      const [from, to] = match.indices?.[1] ?? [0, 0];
      return isSecret(match[1] ?? '') ? [{ from, to }] : [];
    });
  });
}
