/** Waits that end when the time is up, when somebody rings, or for good when it is closed. */
export class WakeSignal {
  #waiting = new Set<() => void>();
  #closed = false;

  ring(): void {
    for (const end of [...this.#waiting]) end();
  }

  close(): void {
    this.#closed = true;
    this.ring();
  }

  /** False once it is closed. */
  async wait(ms: number): Promise<boolean> {
    if (this.#closed) return false;
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#waiting.add(end);
    });
    return !this.#closed;
  }
}
