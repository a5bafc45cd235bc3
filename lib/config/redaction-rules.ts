import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { processValue } from '../core/process-state';

/**
 * Additions to and exceptions from the default redaction rules. Rules are names and paths, never
 * regular expressions, so that their time is bounded.
 */
export interface RedactionConfig {
  /** REDACTION=off: nothing is redacted, and every page shows a banner that says so. */
  off: boolean;
  /** Additional key names to redact; `*` matches any characters. */
  keys: string[];
  /** Key names that are not redacted. */
  except: string[];
  classes: ClassRule[];
  /** HMAC key for fingerprints of redacted text; the same on all servers of one configuration. */
  key: string;
}

/** Argument paths in the syntax of the query language: `args.0.customer.*`. */
interface ClassRule {
  /** A job class; `*` matches any characters. */
  jobClass: string;
  hide: string[][];
  show: string[][];
}

export const DEFAULT_CONFIG: RedactionConfig = {
  off: false,
  keys: [],
  except: [],
  classes: [],
  key: '',
};

/** An invalid redaction variable; the message is `<variable> <problem>`. */
export class RedactionConfigError extends Error {
  constructor(
    readonly variable: string,
    readonly problem: string,
  ) {
    super(`${variable} ${problem}`);
  }
}

const NAME = /^[\p{L}\p{N}_.*\- ]{1,100}$/u;

const pathText = z.string().regex(/^args(?:\.(?:\*\*?|[^.*\s]{1,100}))+$/u);

const rule = z.strictObject({
  hide: z.array(pathText).max(200).default([]),
  show: z.array(pathText).max(200).default([]),
});

/** Meaning of each redaction variable, for docs/configuration.md. */
export const REDACTION_VARIABLES = {
  REDACT_KEYS:
    'comma list of key names whose values are hidden in addition to the default list; `*` is any ' +
    'characters ([redaction.md](redaction.md#configuration))',
  REDACT_EXCEPT: 'comma list of key names of the default list whose values are shown after all',
  REDACT_FILE: 'YAML or JSON file with paths to hide and to show, by job class',
  REDACTION: '`off`: nothing is hidden, and every page has a banner about it',
};

/** Parses the redaction variables and file; throws RedactionConfigError for the first mistake. */
export function readRedaction(source: Record<string, string | undefined>): RedactionConfig {
  const mode = source.REDACTION?.trim() ?? '';
  if (!['', 'on', 'off'].includes(mode))
    throw new RedactionConfigError('REDACTION', 'must be on or off');
  return {
    off: mode === 'off',
    keys: parseNames(source, 'REDACT_KEYS'),
    except: parseNames(source, 'REDACT_EXCEPT'),
    classes: readClassRules(source.REDACT_FILE?.trim() ?? ''),
    key: deriveFingerprintKey(source),
  };
}

/**
 * Derives the key from values that all servers of a deployment share and that viewers do not know.
 */
function deriveFingerprintKey({
  DATABASE_URL,
  AUTH_PROXY_SECRET,
  OIDC_CLIENT_SECRET,
}: Record<string, string | undefined>): string {
  return createHash('sha256')
    .update(
      JSON.stringify(['good-job-console', DATABASE_URL, AUTH_PROXY_SECRET, OIDC_CLIENT_SECRET]),
    )
    .digest('base64');
}

function parseNames(source: Record<string, string | undefined>, variable: string): string[] {
  const names = (source[variable] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
  const invalidName = names.find((name) => !NAME.test(name) || /^[*\s]+$/.test(name));
  if (invalidName !== undefined)
    throw new RedactionConfigError(
      variable,
      `must be names of keys with commas between them, * for any characters, and has "${invalidName.slice(0, 40)}"`,
    );
  return names;
}

function readClassRules(file: string): ClassRule[] {
  if (file === '') return [];
  const fileError = (problem: string) => new RedactionConfigError('REDACT_FILE', problem);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw fileError(`names a file that cannot be read: ${file}`);
  }
  let document: unknown;
  try {
    document = parseYaml(text, { maxAliasCount: 0 });
  } catch {
    throw fileError('must hold YAML or JSON, and cannot be parsed');
  }
  if (document === null || typeof document !== 'object' || Array.isArray(document))
    throw fileError(
      'must hold rules by job class, such as {"Payments::CaptureJob": {"hide": ["args.0"]}}',
    );
  return Object.entries(document).map(([jobClass, value]) => {
    const parsed = rule.safeParse(value);
    if (!/^[\p{L}\p{N}_:*]{1,200}$/u.test(jobClass))
      throw fileError(`has "${jobClass.slice(0, 40)}", which is no job class`);
    if (!parsed.success)
      throw fileError(
        `must give ${jobClass} "hide" and "show", each a list of paths such as args.0.customer.*`,
      );
    const paths = (list: string[]) => list.map((path) => path.split('.').slice(1));
    return { jobClass, hide: paths(parsed.data.hide), show: paths(parsed.data.show) };
  });
}

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
