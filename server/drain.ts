import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Requests that are still running get this long after the delay. */
export const GRACE_MS = 9_000;
/** The listener closes after this long without a new connection: a load balancer has noticed by then. */
const QUIET_MS = 1_000;
const CHECK_EVERY_MS = 50;

/** Closes HTTP servers without cutting a request or refusing a connection too early. */
export class Drain {
  /** Since when each open connection has no request; Infinity while it has one. */
  private readonly idleSince = new Map<Socket, number>();
  private readonly responses = new Set<ServerResponse>();
  private readonly servers: Server[] = [];
  private lastConnectionAt = 0;
  private phase: 'serving' | 'draining' | 'closing' = 'serving';

  /** True from the signal on: `/readyz` is 503, everything else is still answered. */
  get isDraining(): boolean {
    return this.phase !== 'serving';
  }

  /** Call before the server listens. */
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
   * Serves as before for `delayMs`, then answers with `Connection: close`. Closes the listener once nothing comes any
   * more, and resolves when the last request has ended, both `graceMs` after the delay at the latest.
   */
  async drain(delayMs: number, graceMs = GRACE_MS): Promise<void> {
    this.phase = 'draining';
    await sleep(delayMs);
    const deadline = performance.now() + graceMs;
    this.announceClose();
    while (!this.isQuiet() && performance.now() < deadline) await sleep(CHECK_EVERY_MS);
    await this.close(deadline);
  }

  /** Refuses new connections at once, and resolves when the running requests have ended, `graceMs` later at most. */
  async stop(graceMs = GRACE_MS): Promise<void> {
    this.announceClose();
    await this.close(performance.now() + graceMs);
  }

  private announceClose(): void {
    this.phase = 'closing';
    for (const response of this.responses) response.shouldKeepAlive = false;
  }

  /** A client may send on an idle connection until its keep-alive time is over, so that one still counts. */
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
