import { processValue } from '../core/process-state';
/** What a request was for: a closed set, since a label must not grow with what clients ask for. */
export const ROUTE_CLASSES = [
  'page',
  'action',
  'api',
  'download',
  'static',
  'auth',
  'probe',
  'metrics',
] as const;
export type RouteClass = (typeof ROUTE_CLASSES)[number];

/** What stands behind /metrics; the front door records and asks, the part of Next's build answers. */
export interface Recorder {
  /** `status` is the HTTP status, null: the client went away before the answer was whole. */
  record(route: RouteClass, status: number | null, seconds: number): void;
  /** Everything in Prometheus' text format. */
  text(): Promise<{ contentType: string; body: string }>;
}

const shared = processValue<Recorder>('metrics recorder');

/** The first one stays: it holds the counters. */
export function offerRecorder(make: () => Recorder): void {
  shared.current ??= make();
}

/** Null until the server has started. */
export function recorder(): Recorder | null {
  return shared.current ?? null;
}
