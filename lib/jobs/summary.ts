import { type Json, memberOf, stringOf } from '../core/json';
import { truncateText } from '../core/text';
import { decodeActiveJob } from '../good-job/payload';
import { unescapeValue } from '../search/conditions';
import type { Term } from '../search/terms';

/*
 * A job in one line: what it runs and its arguments. Everything here is made of redacted values.
 */

/** Maximum characters of a line of arguments. */
const MAX_LINE_CHARS = 160;
/** Characters of the arguments in which the match of a search is looked for. */
const MAX_SEARCHED_CHARS = 4_000;
/** Characters before a match that an excerpt begins with at most. */
const CONTEXT_CHARS = 30;
const MAX_MARKS = 10;
const MAX_MARK_CHARS = 100;
/** Items of a nested array or object that a line has; the others are counted. */
const MAX_ITEMS = 3;
const MAX_DEPTH = 3;
const SEPARATOR = ' · ';

const CLASS_NAME = /^[A-Z]\w*(?:::[A-Z]\w*)*$/;
const METHOD_NAME = /^[a-z_]\w*[!?]?$/;
/** Action Mailer's jobs, also those of an application. */
const DELIVERY_JOB = /(?:^|::)(?:Mail)?DeliveryJob$/;
/** Jobs of another adapter that hold a job of Active Job, such as Sidekiq's. */
const WRAPPER_JOB = /::JobWrapper$/;

/** What a job runs. */
interface Summary {
  /** What a wrapper runs; null for any other class. */
  unwrapped: string | null;
  /** The arguments of what it runs. */
  arguments: readonly Json[];
}

const itemsOf = (json: Json | undefined): readonly Json[] => {
  if (!json) return [];
  return json.kind === 'array' ? json.items : [json];
};

/** Returns what a job runs: the mailer and its action, or the job that a wrapper holds. */
export function summarize(jobClass: string | null, args: Json | undefined): Summary {
  const items = itemsOf(args);
  const [first, second, third, ...rest] = items;
  if (jobClass !== null && DELIVERY_JOB.test(jobClass)) {
    const mailer = stringOf(first) ?? '';
    const action = stringOf(second) ?? '';
    const isDelivery = (stringOf(third) ?? '').startsWith('deliver_');
    if (CLASS_NAME.test(mailer) && METHOD_NAME.test(action) && isDelivery)
      return { unwrapped: `${mailer}#${action}`, arguments: mailArguments(rest) };
  }
  if (jobClass !== null && WRAPPER_JOB.test(jobClass) && first) {
    const wrapped = stringOf(memberOf(first, 'job_class')) ?? '';
    if (CLASS_NAME.test(wrapped))
      return { unwrapped: wrapped, arguments: itemsOf(memberOf(first, 'arguments')) };
  }
  return { unwrapped: null, arguments: items };
}

/** ActionMailer::MailDeliveryJob has one hash of `args` and `params`, older jobs plain arguments. */
function mailArguments(rest: readonly Json[]): readonly Json[] {
  const [options] = rest;
  const args = options && memberOf(options, 'args');
  if (rest.length !== 1 || !options || !args) return rest;
  const params = memberOf(options, 'params');
  return [...(params ? [params] : []), ...itemsOf(args)];
}

/** Returns the texts that a filter searches for, which a list marks in its rows. */
export function searchMarks(terms: readonly Term[]): string[] {
  const marks = terms.flatMap((term) => {
    if (term.negated) return [];
    if (term.kind === 'text') return term.parts;
    if (term.kind === 'argument') return term.values;
    return term.kind === 'match' && term.field === 'error'
      ? term.values.flatMap((value) => value.split(/(?<!\\)\*/).map(unescapeValue))
      : [];
  });
  return marks
    .map((mark) => mark.trim())
    .filter((mark) => mark.length > 1 && mark.length <= MAX_MARK_CHARS)
    .slice(0, MAX_MARKS);
}

/** The arguments as one line. Those that a search matches come first, because a row shows little. */
export function argumentLine(args: readonly Json[], marks: readonly string[] = []): string | null {
  if (args.length === 0) return null;
  const parts = printParts(args, MAX_LINE_CHARS + 1, MAX_ITEMS);
  if (marks.length === 0) return truncateText(parts.join(SEPARATOR), MAX_LINE_CHARS);
  const matching: string[] = [];
  const others: string[] = [];
  printParts(args, MAX_SEARCHED_CHARS, Infinity).forEach((whole, n) => {
    if (firstMatch(whole, marks) >= 0) matching.push(excerpt(whole, marks, MAX_LINE_CHARS));
    else others.push(parts[n] ?? '');
  });
  return truncateText([...matching, ...others].filter(Boolean).join(SEPARATOR), MAX_LINE_CHARS);
}

/** Cuts a text to `length` characters; a later match of a search moves its start. */
export function excerpt(text: string, marks: readonly string[], length: number): string {
  const at = firstMatch(text, marks);
  if (at <= CONTEXT_CHARS) return truncateText(text, length);
  // The cut must not begin with the second half of a surrogate pair.
  const rest = text.slice(at - CONTEXT_CHARS).replace(/^[\uDC00-\uDFFF]/, '');
  return `…${truncateText(rest, length - 1)}`;
}

function firstMatch(text: string, marks: readonly string[]): number {
  const lower = text.toLowerCase();
  const matches = marks.map((mark) => lower.indexOf(mark.toLowerCase())).filter((at) => at >= 0);
  return matches.length > 0 ? Math.min(...matches) : -1;
}

/** Prints each argument, and each entry of a hash, up to `maxChars` in all. */
function printParts(args: readonly Json[], maxChars: number, maxItems: number): string[] {
  const parts: string[] = [];
  let remaining = maxChars;
  for (const arg of args)
    for (const part of hashEntries(arg) ?? [{ key: null, value: arg }]) {
      if (remaining <= 0) return parts;
      const line = new LinePrinter(remaining, maxItems);
      if (part.key !== null) line.add(`${part.key}: `);
      line.printValue(part.value, 1);
      parts.push(line.text);
      remaining -= line.text.length + SEPARATOR.length;
    }
  return parts;
}

/** Prints values until the line is full, so that its time does not depend on their size. */
class LinePrinter {
  text = '';

  constructor(
    private readonly maxChars: number,
    private readonly maxItems: number,
  ) {}

  get isFull(): boolean {
    return this.text.length >= this.maxChars;
  }

  add(text: string): void {
    if (!this.isFull) this.text = truncateText(this.text + text, this.maxChars);
  }

  printValue(json: Json, depth: number): void {
    if (this.isFull) return;
    if (json.kind === 'scalar') return this.add(this.scalarText(json));
    const entries = hashEntries(json);
    if (json.kind === 'object' && !entries) return this.printSpecial(json, depth);
    if (entries)
      this.printNested('{', '}', entries, depth, ({ key, value }) => {
        this.add(`${key}: `);
        this.printValue(value, depth + 1);
      });
    else
      this.printNested('[', ']', itemsOf(json), depth, (item) => this.printValue(item, depth + 1));
  }

  private printNested<Item>(
    open: string,
    close: string,
    items: readonly Item[],
    depth: number,
    print: (item: Item) => void,
  ): void {
    if (depth > MAX_DEPTH) return this.add(items.length > 0 ? `${open}…${close}` : open + close);
    this.add(open);
    items.slice(0, this.maxItems).forEach((item, n) => {
      if (this.isFull) return;
      if (n > 0) this.add(', ');
      print(item);
    });
    if (items.length > this.maxItems) this.add(`, +${items.length - this.maxItems}`);
    this.add(close);
  }

  /** Prints a GlobalID as `Model/id`, and a value of another serializer as Ruby prints it. */
  private printSpecial(json: Json, depth: number): void {
    const decoded = decodeActiveJob(json);
    if (decoded.kind === 'scalar') return this.add(this.scalarText(decoded));
    const value = memberOf(decoded, 'value');
    return value?.kind === 'scalar' ? this.printValue(value, depth) : this.add('{…}');
  }

  private scalarText(json: Extract<Json, { kind: 'scalar' }>): string {
    const text = stringOf(json);
    if (text === undefined) return truncateText(json.text, this.maxChars);
    if (text === '') return '""';
    const [, model] = /^gid:\/\/[^/\s]+\/([^?#\s]+)/.exec(text.slice(0, this.maxChars)) ?? [];
    return (model ?? text.slice(0, this.maxChars)).replaceAll(/\s+/g, ' ');
  }
}

/** The entries of a hash without Active Job's markers; null for any other value. */
function hashEntries(json: Json): { key: string; value: Json }[] | null {
  if (json.kind !== 'object') return null;
  const isSpecial = json.entries.some(
    ({ key }) => key === '_aj_serialized' || (key === '_aj_globalid' && json.entries.length === 1),
  );
  return isSpecial ? null : json.entries.filter(({ key }) => !key.startsWith('_aj_'));
}
