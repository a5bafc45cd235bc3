/** A text to look for: anywhere, or where nothing of a word stands before or behind it. */
export interface Form {
  text: string;
  whole: boolean;
}

interface Known extends Form {
  folded: string;
}

/** No form is shorter. */
const LEAD = 4;
/** From here on upper and lower case are the same. */
const ANY_CASE = 8;
/** How far back from the end of one that was found another may begin. */
const OVERLAP = 64;
const isPart = (char: string | undefined) => char !== undefined && /[\p{L}\p{N}_]/u.test(char);

/** Many texts that are looked for at once: each place of a text is looked at a few times, however many they are. */
export class Forms {
  /** By the first LEAD characters how long the beginnings are that begin so. */
  private readonly lengths = new Map<string, number[]>();
  /** By their beginnings. */
  private readonly known = new Map<string, Known[]>();
  private readonly first = new Set<number>();

  add({ text, whole }: Form): void {
    const form = { text, whole, folded: folded(text) };
    const begins = beginningOf(form);
    const same = this.known.get(begins) ?? [];
    if (same.length > 0) {
      if (!same.some((other) => other.text === text)) same.push(form);
      return;
    }
    this.known.set(begins, [form]);
    this.first.add(begins.charCodeAt(0));
    const lead = begins.slice(0, LEAD);
    const lengths = this.lengths.get(lead) ?? [];
    if (!lengths.includes(begins.length)) this.lengths.set(lead, [...lengths, begins.length]);
  }

  /** All of it or, as an error's message is cut, the first half and what follows of it. Never half a character. */
  hideIn(text: string, marker: string): string {
    const fold = folded(text);
    let [shown, at, from, to] = ['', 0, -1, -1];
    for (let n = 0; n + LEAD <= fold.length; n += 1) {
      if (!this.first.has(fold.charCodeAt(n))) continue;
      const end = this.endAt(text, fold, n);
      if (end < 0) continue;
      const start = inPair(text, n) ? n - 1 : n;
      if (start > to) {
        if (from >= 0) [shown, at] = [shown + text.slice(at, from) + marker, to];
        from = start;
      }
      to = Math.max(to, inPair(text, end) ? end + 1 : end);
      n = Math.max(n, to - OVERLAP);
    }
    return from < 0 ? text : shown + text.slice(at, from) + marker + text.slice(to);
  }

  /** Where the longest one ends that begins here; -1: none does. */
  private endAt(text: string, fold: string, from: number): number {
    let end = -1;
    for (const length of this.lengths.get(fold.slice(from, from + LEAD)) ?? []) {
      for (const form of this.known.get(fold.slice(from, from + length)) ?? [])
        end = Math.max(end, endOf(form, length, text, fold, from));
    }
    return end;
  }
}

function endOf(
  { text: own, folded: ownFold, whole }: Known,
  begins: number,
  text: string,
  fold: string,
  from: number,
): number {
  if (whole || own.length < ANY_CASE) {
    if (!text.startsWith(own, from)) return -1;
    return whole && (isPart(text[from - 1]) || isPart(text[from + own.length]))
      ? -1
      : from + own.length;
  }
  let length = begins;
  while (length < ownFold.length && fold[from + length] === ownFold[length]) length += 1;
  return from + length;
}

const beginningOf = ({ folded: text, whole }: Known) =>
  whole
    ? text.slice(0, 24)
    : text.length < 12
      ? text
      : text.slice(0, Math.max(8, Math.min(24, text.length >> 1)));

/** In lower case, character by character: as long as it was. */
function folded(text: string): string {
  const lower = text.toLowerCase();
  return lower.length === text.length
    ? lower
    : Array.from(text, (char) =>
        char.toLowerCase().length === char.length ? char.toLowerCase() : char,
      ).join('');
}

/** Whether a cut here is inside a surrogate pair. */
export function inPair(text: string, at: number): boolean {
  const [before, behind] = [text.charCodeAt(at - 1), text.charCodeAt(at)];
  return before >= 0xd800 && before < 0xdc00 && behind >= 0xdc00 && behind < 0xe000;
}
