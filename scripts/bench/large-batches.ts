/** A large batch of the scratch database. */
export interface LargeBatch {
  size: number;
  /** Hours between its first job and the fill. */
  ageHours: number;
  /**
   * Seconds from its first to its last job; with 0 all have the same created_at, as with
   * perform_all_later.
   */
  seconds: number;
  /** Share of finished jobs, 0 to 1. */
  done: number;
}

const RECENT_HOURS = 3;
/** Half of the jobs in a database of a million jobs are newer. */
const OLD_HOURS = 12 * 24;

/** The large batches for a database of that many jobs, each at most a tenth of it. */
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
