import { processValue } from '../lib/core/shared-state';
import type { Recorder } from '../lib/metrics/metrics';

const processRecorder = processValue<Recorder>('metrics recorder');

/** Sets the recorder of the process unless there is one already, which holds the counters. */
export function offerRecorder(create: () => Recorder): void {
  processRecorder.current ??= create();
}

/** Returns the recorder of the process; null until the server has started. */
export function recorder(): Recorder | null {
  return processRecorder.current ?? null;
}
