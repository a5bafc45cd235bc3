import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Time for running requests to finish after the delay. */
export const GRACE_MS = 9_000;
/** After this time without a new connection, load balancers have noticed the drain. */
const QUIET_MS = 1_000;
const CHECK_EVERY_MS = 50;

/** Closes HTTP servers without aborting a request or refusing a connection too early. */
export class Drain {
  /** The time since which each open connection is idle; Infinity while it has a request. */
  private readonly idleSince = new Map<Socket, number>();
  private readonly responses = new Set<ServerResponse>();
  private readonly servers: Server[] = [];
  private lastConnectionAt = 0;
  private phase: 'serving' | 'draining' | 'closing' = 'serving';

  /** True after the signal: `/readyz` answers 503, everything else works as before. */
  get isDraining(): boolean {
    return this.phase !== 'serving';
  }

  /** Must be called before the server listens. */
  track(server: Server): void {
    this.servers.push(server);
    server.on('connection', (socket) => {
      this.lastConnectionAt = performance.now();
      this.idleSince.set(socket, performance.now());
      socket.once('close', () => this.idleSince.delete(socket));
    });
    server.prependListener('request', ({ socket }, response) => {
      this.responses.add(response);
      this.idleSince.set(socket, Infinity);
      if (this.phase === 'closing') response.shouldKeepAlive = false;
      response.once('close', () => {
        this.responses.delete(response);
        if (!socket.destroyed) this.idleSince.set(socket, performance.now());
      });
    });
  }

  /**
   * Serves as before for `delayMs`, then answers with `Connection: close` and closes the listener
   * once no connection is active. Resolves when the last request has ended, at most `graceMs`
   * later.
   */
  async drain(delayMs: number, graceMs = GRACE_MS): Promise<void> {
    this.phase = 'draining';
    await sleep(delayMs);
    const deadline = performance.now() + graceMs;
    this.announceClose();
    while (!this.isQuiet() && performance.now() < deadline) await sleep(CHECK_EVERY_MS);
    await this.close(deadline);
  }

  /**
   * Refuses new connections. Resolves when running requests have ended, after at most `graceMs`.
   */
  async stop(graceMs = GRACE_MS): Promise<void> {
    this.announceClose();
    await this.close(performance.now() + graceMs);
  }

  private announceClose(): void {
    this.phase = 'closing';
    for (const response of this.responses) response.shouldKeepAlive = false;
  }

  /** A connection counts until its keep-alive time is over, because the client may still use it. */
  private isQuiet(): boolean {
    const now = performance.now();
    const keepAliveMs = Math.max(...this.servers.map((server) => server.keepAliveTimeout));
    const isIdle = [...this.idleSince.values()].every((since) => now - since > keepAliveMs);
    return this.responses.size === 0 && isIdle && now - this.lastConnectionAt > QUIET_MS;
  }

  private async close(deadline: number): Promise<void> {
    const closed = this.servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    const timeout = new AbortController();
    await Promise.race([
      Promise.all(closed),
      sleep(Math.max(0, deadline - performance.now()), undefined, {
        signal: timeout.signal,
      }).catch(() => undefined),
    ]);
    timeout.abort();
    for (const server of this.servers) server.closeAllConnections();
  }
}
