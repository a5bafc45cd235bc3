/*
 * Patterns with `*` for any characters. A pattern is split at its stars once; a text is searched for the parts in order,
 * each behind the one before, so no character is tried for a star twice.
 */

interface Glob {
  first: string;
  inner: readonly string[];
  last: string;
  minLength: number;
}

function compile(pattern: string): Glob {
  const parts = pattern.split('*');
  const inner = parts.slice(1, -1).filter(Boolean);
  return {
    first: parts[0] ?? '',
    inner,
    last: parts.at(-1) ?? '',
    minLength: pattern.length - (parts.length - 1),
  };
}

function matches({ first, inner, last, minLength }: Glob, text: string): boolean {
  if (text.length < minLength || !text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const part of inner) {
    const from = text.indexOf(part, at);
    if (from < 0) return false;
    at = from + part.length;
  }
  return at <= end;
}

/** Whether the text is the pattern. */
export function matchesGlob(pattern: string, text: string): boolean {
  return pattern.includes('*') ? matches(compile(pattern), text) : pattern === text;
}

/** Patterns that a text is compared with at once: those without a star by one look-up. */
export class GlobSet {
  private readonly names = new Set<string>();
  private readonly globs: { glob: Glob; letters: number }[] = [];

  constructor(patterns: Iterable<string>) {
    for (const pattern of new Set(patterns))
      if (pattern.includes('*'))
        this.globs.push({
          glob: compile(pattern),
          letters: lettersOf(pattern.replaceAll('*', '')),
        });
      else this.names.add(pattern);
  }

  get isEmpty(): boolean {
    return this.names.size === 0 && this.globs.length === 0;
  }

  /** Whether the text is one of the patterns. */
  has(text: string): boolean {
    if (this.names.has(text)) return true;
    if (this.globs.length === 0) return false;
    const missing = ~lettersOf(text);
    return this.globs.some(({ glob, letters }) => (letters & missing) === 0 && matches(glob, text));
  }
}

/** One bit for each letter of the text: a pattern with a letter that the text has not is not tried. */
function lettersOf(text: string): number {
  let letters = 0;
  for (let at = 0; at < text.length; at += 1) letters |= 1 << (text.charCodeAt(at) & 31);
  return letters;
}
