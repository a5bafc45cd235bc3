import { type Form, Forms } from './forms';

/** Shorter values stand everywhere by chance. */
export const SHORTEST = 4;
/** Of values this short only whole words are hidden. */
const SHORTEST_INSIDE = 6;
/** A line of a value that has several. */
const SHORTEST_LINE = 8;
const MOST = 5_000;
/** Words that say nothing of the secret they are. */
const COMMON =
  /^(?:true|false|null|none|nil|undefined|unknown|default|string|number|object|value|bearer|basic|digest|password|passwd|secret|token|\[redacted\]|[\s\p{P}]*)$/iu;

/** Whether the text is long enough, and unusual enough, to be a repeat of a hidden value. */
export const couldRepeatSecret = (text: string): boolean =>
  text.trim().length >= SHORTEST && !COMMON.test(text.trim());

/**
 * The hidden values of one row: of a job, its executions or a batch. Where one of them is repeated in clear, in the
 * row's error or under another key, it is hidden there too, also as URLs, JSON, HTML and Base64 write it.
 */
export class SecretRegistry {
  /** Something was hidden, be it too short to be looked for elsewhere. */
  hidden = false;
  /** Part of the row was not read, or holds too many values: any text of the row may repeat an unknown one. */
  overflowed = false;
  private readonly values = new Set<string>();
  private readonly forms = new Forms();

  get size(): number {
    return this.values.size;
  }

  add(value: string): void {
    this.hidden = true;
    const plain = value.trim();
    if (plain.length < SHORTEST || COMMON.test(plain) || this.values.has(plain)) return;
    if (this.values.size >= MOST) {
      this.overflowed = true;
      return;
    }
    this.values.add(plain);
    for (const form of formsOf(plain)) this.forms.add(form);
    // `Bearer abc`, `user:abc`: what may be repeated is the last part.
    const [, last] =
      /^(?:bearer|basic|token|digest|[^\s:@/]{1,64}:)\s*(\S{6,})$/i.exec(plain) ?? [];
    if (last) this.add(last);
    if (/[\r\n]/.test(plain))
      for (const line of plain.split(/[\r\n]+/))
        if (line.trim().length >= SHORTEST_LINE) this.add(line);
  }

  hideIn(text: string, marker: string): string {
    return this.values.size === 0 || text.length < SHORTEST
      ? text
      : this.forms.hideIn(text, marker);
  }
}

/** As it is, and as others write it. */
function formsOf(value: string): Form[] {
  const inJson = JSON.stringify(value).slice(1, -1);
  const forms = new Set([value, inJson, inJson.replaceAll('\\', '\\\\')]);
  // Rails' JSON, and HTML.
  if (/[&<>"'\u2028\u2029]/.test(value)) {
    forms.add(
      inJson.replaceAll(
        /[&<>\u2028\u2029]/g,
        (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
      ),
    );
    forms.add(value.replaceAll(/[&<>"']/g, (char) => ENTITIES[char] ?? char));
  }
  if (!/^[\w.~-]*$/.test(value)) {
    const url = encodeURIComponent(
      value.replaceAll(
        /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g,
        '\uFFFD',
      ),
    );
    // CGI.escape, ERB's url_encode.
    const strict = url.replaceAll(
      /[!'()*]/g,
      (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
    );
    for (const form of [url, url.replaceAll('%20', '+'), strict, strict.replaceAll('%20', '+')])
      forms.add(form);
  }
  if (value.length >= 8) for (const form of base64(value)) forms.add(form);
  return [...forms].map((text) => ({
    text,
    whole: text.length < SHORTEST_INSIDE || /^\d+$/.test(text),
  }));
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const base64 = (value: string) =>
  ((text) => [text, text.replace(/=+$/, '')])(Buffer.from(value).toString('base64'));
