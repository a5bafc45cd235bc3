import { isObject } from './expectation';
import type { Json, Row, Vector } from './vector';

/** The settings of a recording's app, which the console needs as well. */
export interface RecordedApp {
  appName: string;
  locale: string;
  timeZone: string;
}

/** The settings in the recording's README. */
export const README_APP: RecordedApp = { appName: 'peer-app', locale: 'en', timeZone: 'UTC' };

/**
 * The settings shown by most vectors of a recording: the app name in GlobalIDs of batch callbacks,
 * locale and time zone in payloads that lacked them.
 */
export function recordedApp(vectors: Vector[]): RecordedApp {
  const names: string[] = [];
  const added: Record<'locale' | 'timezone', string[]> = { locale: [], timezone: [] };
  for (const { before, after, http } of vectors) {
    for (const row of after.good_jobs) {
      const [first] = Array.isArray(paramsOf(row).arguments)
        ? (paramsOf(row).arguments as Json[])
        : [];
      const gid = isObject<Json>(first) ? first._aj_globalid : undefined;
      const name =
        typeof gid === 'string' ? /^gid:\/\/([^/]+)\/GoodJob::Batch\//.exec(gid)?.[1] : undefined;
      if (name && row.batch_callback_id !== null) names.push(name);
      const old = before.good_jobs.find(({ id }) => id === row.id);
      // Over HTTP, the locale may be the operator's.
      if (!old || http) continue;
      for (const key of ['locale', 'timezone'] as const) {
        const value = paramsOf(row)[key];
        if (
          isObject<Json>(old.serialized_params) &&
          (paramsOf(old)[key] ?? null) === null &&
          typeof value === 'string'
        )
          added[key].push(value);
      }
    }
  }
  return {
    appName: mostFrequent(names) ?? README_APP.appName,
    locale: mostFrequent(added.locale) ?? README_APP.locale,
    timeZone: mostFrequent(added.timezone) ?? README_APP.timeZone,
  };
}

function paramsOf({ serialized_params }: Row): Record<string, Json> {
  return isObject<Json>(serialized_params) ? serialized_params : {};
}

function mostFrequent(values: string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
}
