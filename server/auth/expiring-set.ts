/** Remembers keys until a time (ms since 1970), a bounded number of them: those that end first go first. */
export class ExpiringSet {
  readonly #ends = new Map<string, number>();
  constructor(private readonly max: number) {}

  has(key: string): boolean {
    return (this.#ends.get(key) ?? 0) > Date.now();
  }

  /** false: it was there. */
  add(key: string, until: number): boolean {
    if (this.has(key)) return false;
    if (this.#ends.size >= this.max) this.#makeRoom();
    this.#ends.set(key, until);
    return true;
  }

  #makeRoom(): void {
    const now = Date.now();
    for (const [key, end] of this.#ends) if (end <= now) this.#ends.delete(key);
    if (this.#ends.size < this.max) return;
    const soonest = [...this.#ends]
      .sort(([, a], [, b]) => a - b)
      .slice(0, Math.ceil(this.max / 10));
    for (const [key] of soonest) this.#ends.delete(key);
  }
}
