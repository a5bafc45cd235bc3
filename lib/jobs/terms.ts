/*
 * What a list of jobs may be filtered by: terms, all of which must hold. They come from the query language (`q`) and
 * from GoodJob's own parameters.
 */

export const TEXT_FIELDS = ['class', 'queue', 'label', 'cron', 'error'] as const;
export const ID_FIELDS = ['id', 'batch', 'callback_batch', 'process'] as const;
export const NUMBER_FIELDS = ['priority', 'attempts'] as const;
export const TIME_FIELDS = ['created', 'scheduled', 'performed', 'finished'] as const;
/** When an execution of the job began: any, one that failed (`failed:` alone is a word of an error's text). */
export const EXECUTION_FIELDS = ['attempted', 'attempt_failed'] as const;
export const FIELDS = [
  'state',
  ...TEXT_FIELDS,
  ...ID_FIELDS,
  ...NUMBER_FIELDS,
  ...TIME_FIELDS,
  ...EXECUTION_FIELDS,
] as const;
export type Field = (typeof FIELDS)[number];

/** Parameters with one term each: GoodJob's own, and `process_id`. */
export const TERM_PARAMS = [
  'job_class',
  'queue_name',
  'label',
  'cron_key',
  'process_id',
  'finished_since',
  'query',
] as const;
export type TermParam = (typeof TERM_PARAMS)[number];

/** The parameter that names the zone of days and times without an offset. */
export const ZONE_PARAM = 'time_zone';

/** GoodJob's `finished_since` (JobsFilter#finished_since), in seconds. */
export const FINISHED_SINCE: Record<string, number> = {
  '1_hour_ago': 3_600,
  '3_hours_ago': 10_800,
  '24_hours_ago': 86_400,
  '3_days_ago': 259_200,
  '7_days_ago': 604_800,
};

/** An instant (ISO 8601 UTC), or a span before now (negative: after now). */
export type TimeValue = { at: string } | { secondsAgo: number };

export interface TimeBound {
  comparison: '>' | '>=' | '<' | '<=';
  time: TimeValue;
}

/** Whole numbers, both ends included; null: no end. */
export interface NumberRange {
  from: number | null;
  to: number | null;
}

interface Common {
  negated: boolean;
  /** The term as it was typed: the chip's text, and what the term is in the URL. */
  source: string;
  /** The query parameter that it came in. */
  param: TermParam | 'q';
}

export type TextTerm = Common & {
  kind: 'text';
  text: string;
  /** The text between its stars, each of which is any characters; one part: a text without a star. */
  parts: string[];
  /**
   * Lower-case hex digits when the text may be an id, or its first 8 characters or more: then the jobs with such an id
   * are meant or, when there are none, the members of that batch, and only when there are none either, the text.
   */
  id: string | null;
};
export type MatchTerm = Common & {
  kind: 'match';
  field: 'state' | (typeof TEXT_FIELDS)[number];
  /** One of them; `*` is any characters, `\*` a star, `\\` a backslash. */
  values: string[];
  /** `error:=…`: the error from its beginning to its end, as every other field is compared, and no part of it. */
  whole?: true;
};
export type IdsTerm = Common & {
  kind: 'ids';
  field: (typeof ID_FIELDS)[number];
  /** Lower-case hex digits: all 32, or the first 8 or more. */
  values: string[];
};
export type NumberTerm = Common & {
  kind: 'number';
  field: (typeof NUMBER_FIELDS)[number];
  ranges: NumberRange[];
};
export type TimeTerm = Common & {
  kind: 'time';
  field: (typeof TIME_FIELDS)[number];
  bounds: TimeBound[];
};
/** The job has an execution on which all bounds hold. */
export type ExecutionTerm = Common & {
  kind: 'execution';
  field: (typeof EXECUTION_FIELDS)[number];
  bounds: TimeBound[];
};
/** `args.0.invoice_id:4711`: a scalar at that path of the arguments, as JSON prints it (strings without quotes). */
export type ArgumentTerm = Common & { kind: 'argument'; path: string[]; values: string[] };
/**
 * `failure:<fingerprint>@<since>..<until>`: the failures of one group of /cleaner (lib/good-job/failure-key.ts), of those
 * that failed at `since` or later and, where they wait to be tried again, are scheduled up to `until`. Written by links.
 */
export type FailureTerm = Common & {
  kind: 'failure';
  fingerprint: string;
  since: string;
  until: string | null;
  /** The jobs of the group, had by settling the filter; until then none. */
  ids: string[];
};
/** `hidden`: it looks for what redaction hides. */
export type NotUnderstoodTerm = Common & {
  kind: 'not_understood';
  reason: 'field' | 'value' | 'quote' | 'hidden';
};

/** A term that holds. */
export type UnderstoodTerm =
  | TextTerm
  | MatchTerm
  | IdsTerm
  | NumberTerm
  | TimeTerm
  | ExecutionTerm
  | ArgumentTerm
  | FailureTerm;
export type Term = UnderstoodTerm | NotUnderstoodTerm;
