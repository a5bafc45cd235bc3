/** A batch of the scratch database beside the many small ones. */
export interface LargeBatch {
  size: number;
  /** Hours before the fill at which its first job was enqueued. */
  ageHours: number;
  /** From its first job to its last; 0: perform_all_later, which gives all of them one created_at. */
  seconds: number;
  /** Share of its jobs that is finished. */
  done: number;
}

const RECENT_HOURS = 3;
/** Old enough that half of a database of a million jobs is newer. */
const OLD_HOURS = 12 * 24;

/** The large batches that a database of so many jobs has room for: the biggest only where half of the jobs are newer than the old ones. */
export function largeBatches(jobs: number): LargeBatch[] {
  const all: LargeBatch[] = [
    { size: 10_000, ageHours: RECENT_HOURS, seconds: 300, done: 0.9 },
    { size: 10_000, ageHours: OLD_HOURS, seconds: 300, done: 1 },
    { size: 100_000, ageHours: RECENT_HOURS, seconds: 1_200, done: 0.6 },
    { size: 100_000, ageHours: OLD_HOURS, seconds: 1_200, done: 1 },
    { size: 100_000, ageHours: RECENT_HOURS, seconds: 0, done: 0.3 },
    { size: 100_000, ageHours: OLD_HOURS, seconds: 0, done: 1 },
  ];
  return all.filter(({ size }) => size * 10 <= jobs);
}
