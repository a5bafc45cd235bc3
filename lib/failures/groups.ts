import 'server-only';
import type { TextBudget } from '../core/steps';
import { timestampMs, truncateText } from '../core/text';
import type { Tx } from '../db/database';
import type { GoodJobTables } from '../good-job/tables';
import {
  EXCERPT_MARGIN,
  failureRedactor,
  type FailureRedactor,
  redaction,
} from '../redaction/redaction';
import { redactJobErrors, redactWholeJob } from '../redaction/row-texts';
import {
  FAILURE_RANGES,
  type FailureGroup,
  type FailureRange,
  type FailureRow,
  RANGE_NAMES,
  SPARK_BARS,
} from './filters';

/**
 * Characters of a frame that are read: more than is shown, so that no secret is truncated before
 * redaction.
 */
export const MAX_FRAME_CHARS = 2_500;
const MAX_SAMPLES = 5;
const MAX_QUEUES = 5;

/** Groups failures by fingerprint; the result does not depend on their order. */
export class FailureGroups {
  private readonly groups = new Map<string, FailureGroup>();
  private readonly reader = new FailureReader(failureRedactor);
  private readonly nowMs: number;
  /** Number of failures added. */
  scanned = 0;

  constructor(
    now: string,
    private readonly range: FailureRange,
  ) {
    this.nowMs = Date.parse(now);
  }

  /** Returns the length of the text that `add` has to redact: 0 for a cached error. */
  costOf(row: FailureRow): number {
    return this.reader.has(row.error) ? 0 : row.error.length;
  }

  add(row: FailureRow): void {
    this.scanned += 1;
    const { fingerprint, error } = this.reader.read(row);
    const group = this.groups.get(fingerprint) ?? newGroup(fingerprint, error, row);
    this.groups.set(fingerprint, group);
    if (
      row.queueName !== null &&
      group.queues.length < MAX_QUEUES &&
      !group.queues.includes(row.queueName)
    )
      group.queues.push(row.queueName);
    if (row.at < group.firstSeen) group.firstSeen = row.at;
    if (row.at >= group.lastSeen) {
      group.lastSeen = row.at;
      group.frame = row.frame;
    }
    this.count(group, row.state, (this.nowMs - timestampMs(row.at)) / 1000);
    addSample(group, row);
  }

  private count(group: FailureGroup, state: FailureRow['state'], ageSeconds: number): void {
    RANGE_NAMES.forEach((name, n) => {
      if (ageSeconds <= FAILURE_RANGES[name]) group.counts[n] = (group.counts[n] ?? 0) + 1;
    });
    const rangeSeconds = FAILURE_RANGES[this.range];
    if (ageSeconds > rangeSeconds && ageSeconds <= 2 * rangeSeconds)
      group.previousCount = (group.previousCount ?? 0) + 1;
    if (ageSeconds > rangeSeconds) return;
    group[state] += 1;
    const barsAgo = Math.floor((ageSeconds / rangeSeconds) * SPARK_BARS);
    const bar = Math.max(0, Math.min(SPARK_BARS - 1, SPARK_BARS - 1 - barsAgo));
    group.spark[bar] = (group.spark[bar] ?? 0) + 1;
  }

  /** Returns a group; undefined if no failure of it was added. */
  groupOf(fingerprint: string): FailureGroup | undefined {
    return this.groups.get(fingerprint);
  }

  /** Number of failures in the range, over all groups. */
  get countInRange(): number {
    const n = RANGE_NAMES.indexOf(this.range);
    return [...this.groups.values()].reduce((sum, { counts }) => sum + (counts[n] ?? 0), 0);
  }

  /**
   * Returns the groups with failures in the range, most frequent first. Failures before `since`
   * were not scanned.
   */
  inRange(since: string): FailureGroup[] {
    const seconds = FAILURE_RANGES[this.range];
    const hasPreviousPeriod = Date.parse(since) <= this.nowMs - 2 * seconds * 1000;
    const n = RANGE_NAMES.indexOf(this.range);
    return [...this.groups.values()]
      .filter(({ counts }) => (counts[n] ?? 0) > 0)
      .map((group) => (hasPreviousPeriod ? group : { ...group, previousCount: null }))
      .sort(byFrequency(this.range));
  }
}

function newGroup(
  fingerprint: string,
  error: string,
  { jobClass, frame, at }: FailureRow,
): FailureGroup {
  return {
    fingerprint,
    jobClass,
    error,
    frame,
    queues: [],
    discarded: 0,
    retried: 0,
    counts: RANGE_NAMES.map(() => 0),
    spark: new Array<number>(SPARK_BARS).fill(0),
    previousCount: 0,
    firstSeen: at,
    lastSeen: at,
    samples: [],
    tooLarge: false,
  };
}

/** Compares groups: most failures in the range first, then the newest. */
export const byFrequency = (range: FailureRange) => (a: FailureGroup, b: FailureGroup) => {
  const n = RANGE_NAMES.indexOf(range);
  return (b.counts[n] ?? 0) - (a.counts[n] ?? 0) || (a.lastSeen < b.lastSeen ? 1 : -1);
};

/** Samples have no error yet; `redactSamples` reads it for the newest one. */
function addSample(group: FailureGroup, { id, state, at }: FailureRow): void {
  const last = group.samples.at(-1);
  if (group.samples.length === MAX_SAMPLES && last && at <= last.at) return;
  group.samples.push({ id, state, error: null, at });
  group.samples.sort((a, b) => (a.at < b.at ? 1 : -1));
  if (group.samples.length > MAX_SAMPLES) group.samples.pop();
}

/** Maximum length of a sample's error. */
const MAX_SAMPLE_CHARS = 1_000;

/**
 * Adds the redacted error of the newest job to each group. Secrets of that job's payload are also
 * redacted in the normalized error, the frame and the queues.
 */
export async function redactSamples(
  tx: Tx,
  tables: GoodJobTables,
  groups: FailureGroup[],
  budget: TextBudget,
): Promise<FailureGroup[]> {
  const rules = redaction();
  const newestIds = groups.flatMap(({ samples }) => samples.slice(0, 1).map(({ id }) => id));
  const jobs = await redactJobErrors(tx, tables, newestIds, budget);
  const redacted: FailureGroup[] = [];
  for (const group of groups) {
    const [newest, ...others] = group.samples;
    if (!newest) {
      redacted.push(group);
      continue;
    }
    const { error, tooLarge, secrets } = jobs.get(newest.id) ?? redactWholeJob(false);
    const frame = group.frame && {
      text: group.frame,
      bounds: { read: MAX_FRAME_CHARS, maxChars: MAX_FRAME_CHARS - EXCERPT_MARGIN, secrets },
    };
    redacted.push({
      ...group,
      jobClass: group.jobClass && rules.redactText(group.jobClass),
      queues: group.queues.map((queue) => rules.redactText(queue, secrets)),
      frame: frame && rules.excerpt(frame.text, frame.bounds),
      error: normalizeError(error ?? ''),
      samples: [{ ...newest, error: error && truncateText(error, MAX_SAMPLE_CHARS) }, ...others],
      tooLarge,
    });
    await budget.yieldIfDue();
  }
  return redacted;
}

/* The fingerprint of a failure: its normalized error, class and frame. */

/** Characters of an error that are read. */
export const MAX_ERROR_CHARS = 2_000;
const MAX_NORMALIZED_CHARS = 500;

/*
 * Every pattern takes linear time: it is bounded or consumes what it scans. The order matters,
 * because a URL contains numbers and a time contains digits.
 */

const URL_PATTERN = /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s"'`<>()[\]{}、。」』]+/gi;

/** An opening bracket ends the previous pair, so that unclosed brackets take linear time. */
const QUOTED = [
  String.raw`"(?:[^"\\]|\\.)*"`,
  '“[^“”]*”',
  '「[^「」]*」',
  '『[^『』]*』',
  // An apostrophe inside a word is not a quote.
  String.raw`(?<![\p{L}\p{Nd}])'(?:[^'\\]|\\.|(?<=[\p{L}\p{Nd}])'(?=\p{L}))*'`,
  // Ruby before 3.4 quotes names as `name'.
  "`[^`']*[`']",
];

const IP_V4 = String.raw`(?:\d{1,3}\.){3}\d{1,3}`;
const HEX_GROUP = '[0-9a-f]{1,4}';
/**
 * Eight groups, or fewer with `::`; those need a digit and no capital, to differ from a Ruby
 * constant.
 */
const IP_V6 = [
  '(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}',
  String.raw`(?=[a-f:]{0,35}\d)(?:${HEX_GROUP}(?::${HEX_GROUP}){0,6})?::` +
    `(?:${HEX_GROUP}:){0,6}(?:${IP_V4}|${HEX_GROUP})?`,
].join('|');
const IP_ZONE = '(?:%[a-z0-9]{1,16})?';
const PORT = String.raw`(?::\d{1,5})?`;
const MAC = '(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}';
const ADDRESS = [
  String.raw`\[(?:${IP_V6})${IP_ZONE}\]${PORT}`,
  `(?:${IP_V6})${IP_ZONE}`,
  MAC,
  `${IP_V4}${PORT}`,
].join('|');

const WEEKDAY = '(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?';
const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}';
const ZONE_AND_YEAR = String.raw`(?: (?:[+-]\d{4}|[A-Z]{3,4}))?(?: \d{4})?`;
const NAMED_MONTH_TIME =
  String.raw`\b${WEEKDAY}(?:\d{1,2} )?${MONTH} \d{1,4}(?:,? \d{4})?` +
  String.raw`(?: \d\d:\d\d(?::\d\d)?${ZONE_AND_YEAR})?`;
const SECONDS = String.raw`(?::\d\d(?:[.,]\d{1,9})?)?`;
const TIME_ZONE = String.raw`(?: ?(?:Z\b|UTC\b|GMT\b|JST\b|[+-]\d\d:?\d\d\b))?`;
const DATE_TIME = String.raw`\b\d{4}[-/]\d\d?[-/]\d\d?(?:[T ]\d\d?:\d\d${SECONDS})?${TIME_ZONE}`;
/** The port in `10.0.0.1.5:80` or `db-1:5432` is not a time. */
const CLOCK_TIME =
  String.raw`(?<![\p{L}\p{Nd}._:]|[\p{L}\p{Nd}]-)` +
  String.raw`\d\d?:[0-5]\d${SECONDS}(?!\p{Nd})${TIME_ZONE}`;

const RULES: [RegExp, string][] = [
  // The input that JSON::ParserError quotes may contain quotes.
  [/(?<=\bunexpected (?:token|character) at )'.*'/gsu, '"…"'],
  [new RegExp(QUOTED.join('|'), 'gsu'), '"…"'],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<uuid>'],
  [
    new RegExp(
      String.raw`(?<![\p{L}\p{Nd}._:])(?:${ADDRESS})(?![\p{L}\p{Nd}_]|[.:]\p{Nd}|::)`,
      'gu',
    ),
    '<address>',
  ],
  [new RegExp(NAMED_MONTH_TIME, 'g'), '<time>'],
  [new RegExp(DATE_TIME, 'g'), '<time>'],
  [new RegExp(CLOCK_TIME, 'gu'), '<time>'],
  [/\b0x[0-9a-f]+\b/gi, '<hex>'],
  [/(?<![\p{L}\p{Nd}_-])(?=[0-9a-f]{0,63}\d)[0-9a-f]{8,}(?![\p{L}\p{Nd}_-])/giu, '<id>'],
];

const LOCAL_PART = /[\p{L}\p{Nd}._%+-]{1,64}$/u;
const MAX_LOCAL_PART = 64;
const DOMAIN = /@[\p{L}\p{Nd}-]{1,63}(?:\.[\p{L}\p{Nd}-]{1,63}){1,8}/uy;

/**
 * Starts at each `@`, because a pattern that starts with the local part would be tried at every
 * character.
 */
function replaceEmails(text: string): string {
  let replaced = '';
  let end = 0;
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', Math.max(at + 1, end))) {
    // Twice as many UTF-16 units, because a letter may be a surrogate pair.
    const before = text.slice(Math.max(end, at - 2 * MAX_LOCAL_PART), at);
    const local = LOCAL_PART.exec(before)?.[0];
    DOMAIN.lastIndex = at;
    const domain = local && DOMAIN.exec(text)?.[0];
    if (!local || !domain) continue;
    replaced += `${text.slice(end, at - local.length)}<email>`;
    end = at + domain.length;
  }
  return replaced + text.slice(end);
}

/** Candidates for ids and tokens such as `cus_9s6XKzkNRiz8i3` or `01HF8ZQ2K3…`. */
const WORD = /[A-Za-z0-9_-]{12,}/g;
const isId = (word: string) => (word.match(/\d/g)?.length ?? 0) >= 3 && /[A-Za-z]/.test(word);
/** Names that contain a number, which are left unchanged. */
const NAMES_WITH_NUMBER = [
  'UTF-(?:8|16|32)',
  'ASCII-8BIT',
  String.raw`ISO-8859-\d{1,2}`,
  String.raw`(?:Windows|CP)-?\d{3,4}`,
  String.raw`SHA-?\d{1,3}`,
  'MD5',
  'IPv[46]',
  String.raw`HTTP\/\d(?:\.\d)?`,
  String.raw`TLSv\d(?:\.\d)?`,
  'OAuth2',
  'S3',
  'EC2',
  'x509',
].join('|');
/** A name of NAMES_WITH_NUMBER, or a number. */
const NUMBER = new RegExp(
  [
    String.raw`\b(?:${NAMES_WITH_NUMBER})(?![\p{L}\p{Nd}])`,
    String.raw`(?<![\p{L}\p{Nd}<])[-+]?\p{Nd}+(?:[.,_]\p{Nd}+)*(?:e[-+]?\p{Nd}+)?`,
    String.raw`\p{Nd}+(?:[._]\p{Nd}+)*`,
  ].join('|'),
  'giu',
);
/**
 * Repeated placeholders, such as `<n>, <n>, <n>`: the length of a list does not distinguish
 * failures.
 */
const LIST = /(<(?:n|id|uuid|hex|time|url|email|address)>|"…")(?:\s*,\s*\1)+/g;

/**
 * Replaces what differs from job to job: ids, UUIDs, numbers, memory addresses, quoted strings,
 * e-mail addresses, URLs, network addresses and times. The class name that GoodJob writes before
 * the message is unchanged.
 */
export function normalizeError(error: string): string {
  const input = error.slice(0, MAX_ERROR_CHARS);
  const [name = ''] =
    /^[A-Z][A-Za-z0-9_]{0,99}(?:::[A-Z][A-Za-z0-9_]{0,99}){0,9}(?=: |$)/.exec(input) ?? [];
  let text = replaceEmails(input.slice(name.length).replace(URL_PATTERN, '<url>'));
  for (const [pattern, placeholder] of RULES) text = text.replace(pattern, placeholder);
  text = text
    .replace(WORD, (word) => (isId(word) ? '<id>' : word))
    .replace(NUMBER, (match) => (/^[A-Za-z]/.test(match) ? match : '<n>'))
    .replace(LIST, '$1')
    .replace(/\s+/g, ' ');
  return (name + text).trim().slice(0, MAX_NORMALIZED_CHARS);
}

/**
 * Removes the line number and the release folder of a frame, so that a deployment does not create a
 * new failure.
 */
export function normalizeFrame(frame: string): string {
  return frame
    .slice(0, 500)
    .replace(/:\d+(?=:in |$)/, '')
    .replace(/\/releases\/[^/]+\//, '/releases/*/')
    .replace(/\p{Nd}{6,}|\b[0-9a-f]{12,}\b/gu, '*');
}

/** What identifies a failure group: class, error and top application frame. */
interface FailureParts {
  jobClass: string | null;
  error: string;
  frame: string | null;
}

/** Returns a fingerprint of the parts: 16 hex digits. */
export function fingerprintOf(
  { jobClass, error, frame }: FailureParts,
  sign: FailureRedactor['sign'],
): string {
  return sign(JSON.stringify([jobClass, error, frame])).slice(0, 16);
}

/** Maximum number of cached normalized errors. */
const MAX_ERRORS = 5_000;

/**
 * Computes the normalized parts and the fingerprint of failures. It caches both, because most
 * failures repeat.
 */
export class FailureReader {
  private readonly errors = new Map<string, string>();
  private readonly fingerprints = new Map<string, FailureParts & { fingerprint: string }>();

  constructor(private readonly redactor: FailureRedactor) {}

  /** Whether the normalized form of this error is cached. */
  has(error: string): boolean {
    return this.errors.has(error);
  }

  /** Redacts and normalizes a failure, and returns its parts with their fingerprint. */
  read(row: FailureParts): FailureParts & { fingerprint: string } {
    let error = this.errors.get(row.error);
    if (error === undefined) {
      error = normalizeError(this.redactor.redact(row.error));
      if (this.errors.size >= MAX_ERRORS) this.errors.clear();
      this.errors.set(row.error, error);
    }
    const frame = row.frame === null ? null : normalizeFrame(row.frame);
    // The flags distinguish null from an empty string.
    const flags = `${row.jobClass === null ? 1 : 0}${frame === null ? 1 : 0}`;
    const key = `${row.jobClass ?? ''}\0${error}\0${frame ?? ''}\0${flags}`;
    const cached = this.fingerprints.get(key);
    if (cached) return cached;
    const parts = { jobClass: row.jobClass, error, frame };
    const failure = { ...parts, fingerprint: fingerprintOf(parts, this.redactor.sign) };
    this.fingerprints.set(key, failure);
    return failure;
  }
}
