import {
  type ClassRule,
  DEFAULT_CONFIG,
  type RedactionConfig,
  readRedaction,
} from '../config/redaction-rules';
import { processValue } from '../core/process-state';

const shared = processValue<RedactionConfig>('redaction rules');

export function currentRedaction(): RedactionConfig {
  return (shared.current ??= readRedaction(process.env));
}

/** Rules from now on: the server's, which has read them before it changes its folder; a test's. */
export function setRedaction(config: Partial<RedactionConfig>): void {
  shared.current = { ...DEFAULT_CONFIG, ...config };
}

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

/** A part of a path, of a rule or of a value: `*` in a rule is any one key or index, `**` any number of them. */
function fits(pattern: string, part: string): boolean {
  // `#>` counts a negative index from the end: it may be any.
  return pattern === '*' || pattern === part || (/^-\d+$/.test(part) && /^\d+$/.test(pattern));
}

/** Whether the path is what the rule names, or below it. A `**` is tried at one place more at a time, and never again at an earlier one. */
export function isWithin(rule: readonly string[], path: readonly string[]): boolean {
  let [part, at] = [0, 0];
  let [star, starAt] = [-1, 0];
  while (part < rule.length) {
    const pattern = rule[part] ?? '';
    if (pattern === '**') {
      if (part === rule.length - 1) return at < path.length;
      [star, starAt] = [part, at];
      part += 1;
    } else if (at < path.length && fits(pattern, path[at] ?? '')) {
      part += 1;
      at += 1;
    } else if (star >= 0 && starAt < path.length) {
      starAt += 1;
      [part, at] = [star + 1, starAt];
    } else return false;
  }
  return true;
}

/** The rules of a job's class: what they hide and what they show of its arguments. */
export interface PathRules {
  hide: string[][];
  show: string[][];
}

export function rulesOf(classes: readonly ClassRule[], jobClass: string | null): PathRules {
  const own = classes.filter((one) => jobClass !== null && matchesGlob(one.jobClass, jobClass));
  return { hide: own.flatMap(({ hide }) => hide), show: own.flatMap(({ show }) => show) };
}

/** Whether a rule of any class hides this path; one that begins with a key is tried on each argument. */
export function isHiddenForSome(classes: readonly ClassRule[], path: readonly string[]): boolean {
  const starts = /^-?\d+$/.test(path[0] ?? '')
    ? [path]
    : [path, ...classes.flatMap(({ hide }) => hide).map(([first = '0']) => [first, ...path])];
  return classes.some(({ hide }) =>
    hide.some((rule) => starts.some((start) => isWithin(rule, start))),
  );
}
