/** Lets loops wait for a timeout, for `wake()`, or for `close()`. */
export class WakeSignal {
  #waiters = new Set<() => void>();
  #isClosed = false;

  wake(): void {
    for (const end of [...this.#waiters]) end();
  }

  close(): void {
    this.#isClosed = true;
    this.wake();
  }

  /** Returns false if the signal is closed. */
  async wait(ms: number): Promise<boolean> {
    if (this.#isClosed) return false;
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#waiters.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#waiters.add(end);
    });
    return !this.#isClosed;
  }
}
