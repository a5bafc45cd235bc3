/**
 * A seeded random number generator (mulberry32), so that the demo has the same rows on every
 * machine.
 */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Returns a number from 0 (inclusive) to 1 (exclusive). */
  float(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  between(low: number, high: number): number {
    return low + this.float() * (high - low);
  }

  /** Returns an integer between `low` and `high`, both inclusive. */
  int(low: number, high: number): number {
    return low + Math.floor(this.float() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.float() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.float() * items.length)];
    if (item === undefined) throw new RangeError('The list is empty.');
    return item;
  }

  weighted<T>(items: readonly T[], weight: (item: T) => number): T {
    let remaining = this.float() * items.reduce((sum, item) => sum + weight(item), 0);
    for (const item of items) {
      remaining -= weight(item);
      if (remaining < 0) return item;
    }
    return this.pick(items);
  }

  /** Returns a log-normally distributed number, like the durations of real jobs. */
  skewed(median: number): number {
    const normal =
      Math.sqrt(-2 * Math.log(1 - this.float())) * Math.cos(2 * Math.PI * this.float());
    return median * Math.exp(0.6 * normal);
  }

  /** Returns a version 4 UUID, as `SecureRandom.uuid` does. */
  uuid(): string {
    const hex = Array.from({ length: 4 }, () =>
      Math.floor(this.float() * 4_294_967_296)
        .toString(16)
        .padStart(8, '0'),
    ).join('');
    const variant = ((Number.parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      `4${hex.slice(13, 16)}`,
      `${variant}${hex.slice(17, 20)}`,
      hex.slice(20),
    ].join('-');
  }
}
