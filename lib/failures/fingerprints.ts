import { Concealing } from '../redaction/redaction';

/** Characters of an error that are read, and of its normal form that are kept. */
export const ERROR_READ = 2_000;
const KEPT = 500;

/*
 * Each pattern is bounded or consumes what it has looked at, and the text is cut first: a megabyte of anything takes no
 * longer than a page of it. Their order matters: a URL holds numbers, a time holds digits.
 */
const V4 = String.raw`(?:\d{1,3}\.){3}\d{1,3}`;
/** All eight groups, or fewer with `::` and, lest a constant of Ruby's be one, a digit and no capital. */
const V6 = String.raw`(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}|(?=[a-f:]{0,35}\d)(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6})?::(?:[0-9a-f]{1,4}:){0,6}(?:${V4}|[0-9a-f]{1,4})?`;
const ZONE = '(?:%[a-z0-9]{1,16})?';
const URL_RULE = 0;
const RULES: [RegExp, string][] = [
  [/\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s"'`<>()[\]{}、。」』]+/gi, '<url>'],
  // What JSON::ParserError could not read: it holds quotes of its own.
  [/(?<=\bunexpected (?:token|character) at )'.*'/gsu, '"…"'],
  // Up to the next opening bracket alone: a thousand that nothing closes are each looked at once.
  // Ruby quotes names as `name' before 3.4, and as 'name' since. An apostrophe inside of a word opens nothing.
  [
    /"(?:[^"\\]|\\.)*"|“[^“”]*”|「[^「」]*」|『[^『』]*』|(?<![\p{L}\p{Nd}])'(?:[^'\\]|\\.|(?<=[\p{L}\p{Nd}])'(?=\p{L}))*'|`[^`']*[`']/gsu,
    '"…"',
  ],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<uuid>'],
  [
    new RegExp(
      String.raw`(?<![\p{L}\p{Nd}._:])(?:\[(?:${V6})${ZONE}\](?::\d{1,5})?|(?:${V6})${ZONE}|(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}|${V4}(?::\d{1,5})?)(?![\p{L}\p{Nd}_]|[.:]\p{Nd}|::)`,
      'gu',
    ),
    '<address>',
  ],
  [
    /\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:\d{1,2} )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6} \d{1,4}(?:,? \d{4})?(?: \d\d:\d\d(?::\d\d)?(?: (?:[+-]\d{4}|[A-Z]{3,4}))?(?: \d{4})?)?/g,
    '<time>',
  ],
  [
    /\b\d{4}[-/]\d\d?[-/]\d\d?(?:[T ]\d\d?:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?(?: ?(?:Z\b|UTC\b|GMT\b|JST\b|[+-]\d\d:?\d\d\b))?/g,
    '<time>',
  ],
  // No port of `10.0.0.1.5:80` or `db-1:5432`.
  [
    /(?<![\p{L}\p{Nd}._:]|[\p{L}\p{Nd}]-)\d\d?:[0-5]\d(?::\d\d(?:[.,]\d{1,9})?)?(?!\p{Nd})(?: ?(?:Z\b|UTC\b|GMT\b|JST\b|[+-]\d\d:?\d\d\b))?/gu,
    '<time>',
  ],
  [/\b0x[0-9a-f]+\b/gi, '<hex>'],
  [/(?<![\p{L}\p{Nd}_-])(?=[0-9a-f]{0,63}\d)[0-9a-f]{8,}(?![\p{L}\p{Nd}_-])/giu, '<id>'],
];

const LOCAL_PART = /[\p{L}\p{Nd}._%+-]{1,64}$/u;
const MAX_LOCAL_PART = 64;
const DOMAIN = /@[\p{L}\p{Nd}-]{1,63}(?:\.[\p{L}\p{Nd}-]{1,63}){1,8}/uy;

/** From each `@` to both sides: a pattern that begins with the local part would try it at every letter of the text. */
function replaceEmails(text: string): string {
  let replaced = '';
  let end = 0;
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', Math.max(at + 1, end))) {
    // Twice as many units: a letter may be a surrogate pair.
    const before = text.slice(Math.max(end, at - 2 * MAX_LOCAL_PART), at);
    const local = LOCAL_PART.exec(before)?.[0];
    DOMAIN.lastIndex = at;
    const domain = local && DOMAIN.exec(text)?.[0];
    if (!local || !domain) continue;
    replaced += `${text.slice(end, at - local.length)}<email>`;
    end = at + domain.length;
  }
  return replaced + text.slice(end);
}

/** A word of letters and digits that no language has: `cus_9s6XKzkNRiz8i3`, `01HF8ZQ2K3…`, a token. */
const WORD = /[A-Za-z0-9_-]{12,}/g;
const isId = (word: string) => (word.match(/\d/g)?.length ?? 0) >= 3 && /[A-Za-z]/.test(word);
/** Numbers that are part of a name, and numbers. */
const NUMBER =
  /\b(?:UTF-(?:8|16|32)|ASCII-8BIT|ISO-8859-\d{1,2}|(?:Windows|CP)-?\d{3,4}|SHA-?\d{1,3}|MD5|IPv[46]|HTTP\/\d(?:\.\d)?|TLSv\d(?:\.\d)?|OAuth2|S3|EC2|x509)(?![\p{L}\p{Nd}])|(?<![\p{L}\p{Nd}<])[-+]?\p{Nd}+(?:[.,_]\p{Nd}+)*(?:e[-+]?\p{Nd}+)?|\p{Nd}+(?:[._]\p{Nd}+)*/giu;
/** `<n>, <n>, <n>`: how many there are is no difference. */
const LIST = /(<(?:n|id|uuid|hex|time|url|email|address)>|"…")(?:\s*,\s*\1)+/g;

/**
 * An error without what differs from job to job: ids, UUIDs, numbers, addresses in memory, quoted strings, e-mail
 * addresses, URLs, addresses in the network, times. Its class, as GoodJob writes it before the message, stays as it is.
 */
export function normalizeError(error: string): string {
  const read = error.slice(0, ERROR_READ);
  const [name = ''] =
    /^[A-Z][A-Za-z0-9_]{0,99}(?:::[A-Z][A-Za-z0-9_]{0,99}){0,9}(?=: |$)/.exec(read) ?? [];
  let text = read.slice(name.length);
  for (const [n, [pattern, sign]] of RULES.entries()) {
    text = text.replace(pattern, sign);
    if (n === URL_RULE) text = replaceEmails(text);
  }
  text = text
    .replace(WORD, (word) => (isId(word) ? '<id>' : word))
    .replace(NUMBER, (found) => (/^[A-Za-z]/.test(found) ? found : '<n>'))
    .replace(LIST, '$1')
    .replace(/\s+/g, ' ');
  return (name + text).trim().slice(0, KEPT);
}

/** A frame without its line and the folder of the release: the next deployment is no other failure. */
export function normalizeFrame(frame: string): string {
  return frame
    .slice(0, 500)
    .replace(/:\d+(?=:in |$)/, '')
    .replace(/\/releases\/[^/]+\//, '/releases/*/')
    .replace(/\p{Nd}{6,}|\b[0-9a-f]{12,}\b/gu, '*');
}

/** What makes two failures one: class, normal form of the error, top frame of the app. */
export interface FailureParts {
  jobClass: string | null;
  error: string;
  frame: string | null;
}

/** 16 hex digits that stand for the parts. */
export function fingerprintOf(
  { jobClass, error, frame }: FailureParts,
  sign: Concealing['sign'],
): string {
  return sign(JSON.stringify([jobClass, error, frame])).slice(0, 16);
}

/** Remembers what it has made: of ten thousand failures most have the same text. */
const KNOWN = 5_000;

/** Reads failures into their parts and fingerprints. */
export class FailureReader {
  private readonly errors = new Map<string, string>();
  private readonly prints = new Map<string, FailureParts & { fingerprint: string }>();

  constructor(private readonly concealing: Concealing) {}

  /** Whether this error's normal form is known. */
  has(error: string): boolean {
    return this.errors.has(error);
  }

  read(row: FailureParts): FailureParts & { fingerprint: string } {
    let error = this.errors.get(row.error);
    if (error === undefined) {
      error = normalizeError(this.concealing.redact(row.error));
      if (this.errors.size >= KNOWN) this.errors.clear();
      this.errors.set(row.error, error);
    }
    const frame = row.frame === null ? null : normalizeFrame(row.frame);
    const key = `${row.jobClass ?? ''}\0${error}\0${frame ?? ''}\0${row.jobClass === null ? 1 : 0}${frame === null ? 1 : 0}`;
    let known = this.prints.get(key);
    if (!known) {
      const parts = { jobClass: row.jobClass, error, frame };
      known = { ...parts, fingerprint: fingerprintOf(parts, this.concealing.sign) };
      this.prints.set(key, known);
    }
    return known;
  }
}
