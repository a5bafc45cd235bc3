import {
  type ClassRule,
  DEFAULT_CONFIG,
  type RedactionConfig,
  readRedaction,
} from '../config/redaction-rules';
import { processValue } from '../core/shared-state';

const shared = processValue<RedactionConfig>('redaction rules');

/**
 * The redaction configuration of this process. Throws RedactionConfigError if the environment is
 * invalid.
 */
export function getRedactionConfig(): RedactionConfig {
  shared.current ??= readRedaction(process.env);
  return shared.current;
}

/**
 * Replaces the configuration. The server calls it at startup, before it changes its working
 * directory.
 */
export function setRedactionConfig(config: Partial<RedactionConfig>): void {
  shared.current = { ...DEFAULT_CONFIG, ...config };
}

/*
 * Glob patterns, in which `*` matches any characters. The parts between the stars are searched in
 * order without backtracking, so matching is linear.
 */

interface Glob {
  prefix: string;
  middle: readonly string[];
  suffix: string;
  minLength: number;
}

function compile(pattern: string): Glob {
  const parts = pattern.split('*');
  const middle = parts.slice(1, -1).filter(Boolean);
  return {
    prefix: parts[0] ?? '',
    middle,
    suffix: parts.at(-1) ?? '',
    minLength: pattern.length - (parts.length - 1),
  };
}

function matches({ prefix, middle, suffix, minLength }: Glob, text: string): boolean {
  if (text.length < minLength || !text.startsWith(prefix) || !text.endsWith(suffix)) return false;
  const end = text.length - suffix.length;
  let at = prefix.length;
  for (const part of middle) {
    const from = text.indexOf(part, at);
    if (from < 0) return false;
    at = from + part.length;
  }
  return at <= end;
}

/** Whether the whole text matches the pattern. */
export function matchesGlob(pattern: string, text: string): boolean {
  return pattern.includes('*') ? matches(compile(pattern), text) : pattern === text;
}

/** Several patterns. Those without a star are matched by one hash lookup. */
export class GlobSet {
  private readonly names = new Set<string>();
  private readonly globs: { glob: Glob; letters: number }[] = [];

  constructor(patterns: Iterable<string>) {
    for (const pattern of new Set(patterns))
      if (pattern.includes('*'))
        this.globs.push({
          glob: compile(pattern),
          letters: letterMask(pattern.replaceAll('*', '')),
        });
      else this.names.add(pattern);
  }

  get isEmpty(): boolean {
    return this.names.size === 0 && this.globs.length === 0;
  }

  /** Whether the whole text matches one of the patterns. */
  has(text: string): boolean {
    if (this.names.has(text)) return true;
    if (this.globs.length === 0) return false;
    const missing = ~letterMask(text);
    return this.globs.some(({ glob, letters }) => (letters & missing) === 0 && matches(glob, text));
  }
}

/**
 * A bit mask of the characters in a text. A pattern cannot match a text that lacks one of its bits.
 */
function letterMask(text: string): number {
  let letters = 0;
  for (let at = 0; at < text.length; at += 1) letters |= 1 << (text.charCodeAt(at) & 31);
  return letters;
}

/** Whether one path segment matches a segment of a rule, in which `*` matches any key or index. */
function matchesSegment(pattern: string, part: string): boolean {
  // jsonb's `#>` counts a negative index from the end, so it may match any index.
  return pattern === '*' || pattern === part || (/^-\d+$/.test(part) && /^\d+$/.test(pattern));
}

/**
 * Whether the rule selects this path or a path above it. `**` matches any number of segments; only
 * the last `**` backtracks.
 */
export function isWithin(rule: readonly string[], path: readonly string[]): boolean {
  let part = 0;
  let at = 0;
  let star = -1;
  let starAt = 0;
  while (part < rule.length) {
    const pattern = rule[part] ?? '';
    if (pattern === '**') {
      if (part === rule.length - 1) return at < path.length;
      star = part;
      starAt = at;
      part += 1;
    } else if (at < path.length && matchesSegment(pattern, path[at] ?? '')) {
      part += 1;
      at += 1;
    } else if (star >= 0 && starAt < path.length) {
      starAt += 1;
      part = star + 1;
      at = starAt;
    } else return false;
  }
  return true;
}

/** The argument paths that the rules of a job class hide and show. */
export interface PathRules {
  hide: string[][];
  show: string[][];
}

/** The combined rules of a job class. Both lists are empty without a class. */
export function rulesOf(classes: readonly ClassRule[], jobClass: string | null): PathRules {
  const rules = classes.filter((rule) => jobClass !== null && matchesGlob(rule.jobClass, jobClass));
  return { hide: rules.flatMap(({ hide }) => hide), show: rules.flatMap(({ show }) => show) };
}

/**
 * Whether a rule of any class hides this path. A path that begins with a key is matched in every
 * argument.
 */
export function isHiddenForSome(classes: readonly ClassRule[], path: readonly string[]): boolean {
  const candidates = /^-?\d+$/.test(path[0] ?? '')
    ? [path]
    : [path, ...classes.flatMap(({ hide }) => hide).map(([first = '0']) => [first, ...path])];
  return classes.some(({ hide }) =>
    hide.some((rule) => candidates.some((candidate) => isWithin(rule, candidate))),
  );
}
