/** Every waiter resolves at the next signal. */
export class WakeSignal {
  private readonly waiting = new Set<() => void>();

  async wait(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.waiting.add(done);
    });
  }

  signal(): void {
    for (const done of [...this.waiting]) done();
  }
}
