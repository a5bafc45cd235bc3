/*
 * Values as `ActiveJob::Arguments` serializes them, and the payload of `ActiveJob::Core#serialize`.
 */

/** The app name in GlobalIDs, which the demo's server gets as GOOD_JOB_APP_NAME. */
export const DEMO_APP = 'demo-app';

export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };

const serialized = (serializer: string, value: Value, more: Record<string, Value> = {}): Value => ({
  _aj_serialized: `ActiveJob::Serializers::${serializer}`,
  value,
  ...more,
});

export const record = (model: string, id: number | string): Value => ({
  _aj_globalid: `gid://${DEMO_APP}/${model}/${id}`,
});
export const symbol = (name: string): Value => serialized('SymbolSerializer', name);
export const date = (iso: string): Value => serialized('DateSerializer', iso);
export const decimal = (text: string): Value => serialized('BigDecimalSerializer', text);
export const zonedTime = (iso: string): Value =>
  serialized('TimeWithZoneSerializer', iso, { time_zone: 'Asia/Tokyo' });
export const duration = (seconds: number): Value => ({
  _aj_serialized: 'ActiveJob::Serializers::DurationSerializer',
  value: seconds,
  parts: [[serialized('SymbolSerializer', 'seconds'), seconds]],
});
/** A hash with symbol keys as a positional argument. */
export const hash = (entries: Record<string, Value>): Value => ({
  ...entries,
  _aj_symbol_keys: Object.keys(entries),
});
/** Keyword arguments. */
export const keywords = (entries: Record<string, Value>): Value => ({
  ...entries,
  _aj_ruby2_keywords: Object.keys(entries),
});

/**
 * A placeholder for a number that JavaScript cannot represent, such as 12345678901234567890 or
 * 1.10; `withExactNumbers` replaces it in JSON text.
 */
export const exactNumber = (text: string): Value => `@@number:${text}@@`;
export const withExactNumbers = (json: string): string =>
  json.replaceAll(/"@@number:([-\d.]+)@@"/g, '$1');

export interface Payload {
  job_class: string;
  job_id: string;
  provider_job_id: string | null;
  queue_name: string;
  priority: number | null;
  arguments: Value[];
  executions: number;
  exception_executions: Record<string, number>;
  locale: string;
  timezone: string;
  enqueued_at: string;
  scheduled_at: string | null;
}
