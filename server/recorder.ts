import { processValue } from '../lib/core/process-state';
import type { Recorder } from '../lib/metrics/metrics';

const processRecorder = processValue<Recorder>('metrics recorder');

/**
 * Sets the recorder of the process unless there is one already, because that one holds the
 * counters.
 */
export function registerRecorder(create: () => Recorder): void {
  processRecorder.current ??= create();
}

/** Returns the recorder of the process; null until the server has started. */
export function getRecorder(): Recorder | null {
  return processRecorder.current ?? null;
}
