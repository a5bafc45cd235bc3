import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';

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
export interface ClassRule {
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
