/**
 * A bounded set of keys that expire (ms since 1970). When it is full, evicts the keys that expire
 * first.
 */
export class ExpiringSet {
  readonly #ends = new Map<string, number>();
  constructor(private readonly max: number) {}

  has(key: string): boolean {
    return (this.#ends.get(key) ?? 0) > Date.now();
  }

  /** Returns false if the key is in the set already. */
  add(key: string, until: number): boolean {
    if (this.has(key)) return false;
    if (this.#ends.size >= this.max) this.#evict();
    this.#ends.set(key, until);
    return true;
  }

  #evict(): void {
    const now = Date.now();
    for (const [key, end] of this.#ends) if (end <= now) this.#ends.delete(key);
    if (this.#ends.size < this.max) return;
    const soonest = [...this.#ends]
      .sort(([, a], [, b]) => a - b)
      .slice(0, Math.ceil(this.max / 10));
    for (const [key] of soonest) this.#ends.delete(key);
  }
}
