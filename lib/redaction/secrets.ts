/** Shorter values stand everywhere by chance. */
const SHORTEST = 4;
/** Of values this short only whole words are hidden. */
const SHORTEST_INSIDE = 6;
const MOST = 200;
/** Words that say nothing of the secret they are. */
const COMMON = /^(?:true|false|null|none|nil|undefined|unknown|default|string|number|object|value|bearer|basic|digest|password|passwd|secret|token|\[redacted\]|[\s\p{P}]*)$/iu;

/**
 * The hidden values of one row: of a job, its executions or a batch. Where one of them is repeated in clear, in the
 * row's error or under another key, it is hidden there too, also as URLs, JSON and Base64 write it.
 */
export class Secrets {
  /** Something was hidden, be it too short to be looked for elsewhere. */
  hidden = false;
  private readonly values = new Set<string>();
  private forms: { text: string; whole: boolean }[] | null = null;

  get size(): number {
    return this.values.size;
  }

  add(value: string): void {
    this.hidden = true;
    const plain = value.trim();
    if (plain.length < SHORTEST || COMMON.test(plain) || this.values.size >= MOST || this.values.has(plain)) return;
    this.values.add(plain);
    this.forms = null;
    // `Bearer abc`, `user:abc`: what may be repeated is the last part.
    const [, last] = /^(?:bearer|basic|token|digest|[^\s:@/]{1,64}:)\s*(\S{6,})$/i.exec(plain) ?? [];
    if (last) this.add(last);
  }

  hideIn(text: string, marker: string): string {
    if (this.values.size === 0 || text.length < SHORTEST) return text;
    this.forms ??= formsOf(this.values);
    let shown = text;
    for (const { text: form, whole } of this.forms) {
      if (whole) shown = replaceWords(shown, form, marker);
      else shown = replaceBeginnings(shown, form, marker);
    }
    return shown;
  }
}

/** As it is, and as others write it; the longest first, so that none leaves a part of another. */
function formsOf(values: ReadonlySet<string>): { text: string; whole: boolean }[] {
  const forms = new Set<string>();
  for (const value of values) {
    const inJson = JSON.stringify(value).slice(1, -1);
    const url = encodeURIComponent(value.replaceAll(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, '\uFFFD'));
    for (const form of [value, inJson, inJson.replaceAll('\\', '\\\\'), url, url.replaceAll('%20', '+'), ...(value.length >= 8 ? base64(value) : [])]) forms.add(form);
  }
  return [...forms].sort((a, b) => b.length - a.length).map((text) => ({ text, whole: text.length < SHORTEST_INSIDE || /^\d+$/.test(text) }));
}

const base64 = (value: string) => ((text) => [text, text.replace(/=+$/, '')])(Buffer.from(value).toString('base64'));

/** All of it or, as an error's message is cut, the first half and what follows of it. */
function replaceBeginnings(text: string, form: string, marker: string): string {
  const begins = form.length < 12 ? form : form.slice(0, Math.max(8, Math.min(24, form.length >> 1)));
  let [shown, at] = ['', 0];
  for (let found = text.indexOf(begins); found >= 0; found = text.indexOf(begins, at)) {
    let length = begins.length;
    while (length < form.length && text[found + length] === form[length]) length += 1;
    shown += text.slice(at, found) + marker;
    at = found + length;
  }
  return at === 0 ? text : shown + text.slice(at);
}

/** Where nothing of a word stands before or behind it. */
function replaceWords(text: string, word: string, marker: string): string {
  const isPart = (char: string | undefined) => char !== undefined && /[\p{L}\p{N}_]/u.test(char);
  let [shown, at] = ['', 0];
  for (let found = text.indexOf(word); found >= 0; found = text.indexOf(word, found + word.length)) {
    if (isPart(text[found - 1]) || isPart(text[found + word.length])) continue;
    shown += text.slice(at, found) + marker;
    at = found + word.length;
  }
  return shown + text.slice(at);
}
