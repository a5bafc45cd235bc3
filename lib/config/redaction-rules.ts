import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';

/** What is hidden besides the default list, and what of it is shown after all. Names and paths only: no regular expressions. */
export interface RedactionConfig {
  /** REDACTION=off: everybody sees everything, and a banner says so. */
  off: boolean;
  /** Names of keys, `*` for any characters. */
  keys: string[];
  except: string[];
  classes: ClassRule[];
  /** What stands for a text that may hold something hidden (the fingerprint of a failure) is made with it: the same for servers of one configuration. */
  key: string;
}

/** Paths of the arguments, as the query language has them: `args.0.customer.*`. */
export interface ClassRule {
  /** A job class, `*` for any characters. */
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

/** A value that cannot be used: the variable, and what is wrong with it. */
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

export const REDACTION_NAMES = ['REDACTION', 'REDACT_KEYS', 'REDACT_EXCEPT', 'REDACT_FILE'];

/** Reads them. Throws RedactionConfigError for the first mistake. */
export function readRedaction(source: Record<string, string | undefined>): RedactionConfig {
  const mode = source.REDACTION?.trim() ?? '';
  if (!['', 'on', 'off'].includes(mode))
    throw new RedactionConfigError('REDACTION', 'must be on or off');
  return {
    off: mode === 'off',
    keys: names(source, 'REDACT_KEYS'),
    except: names(source, 'REDACT_EXCEPT'),
    classes: classRules(source.REDACT_FILE?.trim() ?? ''),
    key: keyOf(source),
  };
}

/** Of what the servers of one console have in common and its viewers do not know. */
function keyOf({
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

function names(source: Record<string, string | undefined>, variable: string): string[] {
  const found = (source[variable] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
  const bad = found.find((name) => !NAME.test(name) || /^[*\s]+$/.test(name));
  if (bad !== undefined)
    throw new RedactionConfigError(
      variable,
      `must be names of keys with commas between them, * for any characters, and has "${bad.slice(0, 40)}"`,
    );
  return found;
}

function classRules(file: string): ClassRule[] {
  if (file === '') return [];
  const refuse = (problem: string) => new RedactionConfigError('REDACT_FILE', problem);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw refuse(`names a file that cannot be read: ${file}`);
  }
  let read: unknown;
  try {
    read = parseYaml(text, { maxAliasCount: 0 });
  } catch {
    throw refuse('must hold YAML or JSON, and cannot be parsed');
  }
  if (read === null || typeof read !== 'object' || Array.isArray(read))
    throw refuse(
      'must hold rules by job class, such as {"Payments::CaptureJob": {"hide": ["args.0"]}}',
    );
  return Object.entries(read).map(([jobClass, given]) => {
    const parsed = rule.safeParse(given);
    if (!/^[\p{L}\p{N}_:*]{1,200}$/u.test(jobClass))
      throw refuse(`has "${jobClass.slice(0, 40)}", which is no job class`);
    if (!parsed.success)
      throw refuse(
        `must give ${jobClass} "hide" and "show", each a list of paths such as args.0.customer.*`,
      );
    const paths = (list: string[]) => list.map((path) => path.split('.').slice(1));
    return { jobClass, hide: paths(parsed.data.hide), show: paths(parsed.data.show) };
  });
}
