import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { sessionHeaders, type startConsole } from '../server';
import { createMemoryReader } from '../server-memory';

export type ConsoleServer = Awaited<ReturnType<typeof startConsole>>;

/** A response, incomplete if it timed out. */
export interface TimedResponse {
  /** null after a timeout. */
  status: number | null;
  ms: number;
  firstByteMs: number;
  location: string | null;
  text: () => string;
}

/** After this time the server counts as blocked. */
export const RESPONSE_LIMIT_MS = 15_000;
const PROBE_EVERY_MS = 10;
const MEMORY_EVERY_MS = 50;

interface Send {
  path: string;
  body?: { type: string; content: Buffer };
}

/** A client with one connection for requests and one for probes of the event loop. */
export class HostileClient {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });
  private readonly probes = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(private readonly server: ConsoleServer) {}

  get(path: string): Promise<TimedResponse> {
    return this.send({ path }, this.agent);
  }

  /** Sends a form as a browser without JavaScript does. */
  post(path: string, fields: [string, string][]): Promise<TimedResponse> {
    const boundary = '----hostile';
    const parts = fields.map(
      ([name, value]) =>
        `--${boundary}\r\nContent-Disposition: form-data; name="${name.replaceAll('"', '%22')}"\r\n\r\n${value}\r\n`,
    );
    const content = Buffer.from(`${parts.join('')}--${boundary}--\r\n`);
    return this.send(
      { path, body: { type: `multipart/form-data; boundary=${boundary}`, content } },
      this.agent,
    );
  }

  /** Milliseconds until /healthz responds; null after a timeout. */
  async probe(): Promise<number | null> {
    const { status, ms } = await this.send({ path: '/healthz' }, this.probes);
    return status === null ? null : ms;
  }

  /** Waits until the server responds again; false after `limitMs`. */
  async waitUntilResponsive(limitMs: number): Promise<boolean> {
    const until = performance.now() + limitMs;
    while (performance.now() < until) {
      const ms = await this.probe();
      if (ms !== null && ms < 1_000) return true;
    }
    return false;
  }

  close(): void {
    this.agent.destroy();
    this.probes.destroy();
  }

  private send({ path, body }: Send, agent: Agent): Promise<TimedResponse> {
    const { origin } = this.server;
    return new Promise((resolve) => {
      const started = performance.now();
      const chunks: Buffer[] = [];
      let firstByteMs = 0;
      let encoding: string | undefined;
      let location: string | null = null;
      const end = (status: number | null) => {
        clearTimeout(timer);
        const text = () => {
          const all = Buffer.concat(chunks);
          return (encoding === 'gzip' ? gunzipSync(all) : all).toString('utf8');
        };
        resolve({ status, ms: performance.now() - started, firstByteMs, location, text });
      };
      const headers: Record<string, string | number> = {
        accept: path.startsWith('/api') ? 'application/json' : 'text/html',
        'accept-encoding': 'gzip',
        'accept-language': 'en',
        'sec-fetch-site': body ? 'same-origin' : 'none',
        'sec-fetch-mode': 'navigate',
        'sec-fetch-dest': 'document',
        ...(body && { origin, 'content-type': body.type, 'content-length': body.content.length }),
        ...sessionHeaders(origin + path),
      };
      const method = body ? 'POST' : 'GET';
      const clientRequest = request(origin + path, { agent, headers, method }, (response) => {
        firstByteMs = performance.now() - started;
        encoding = response.headers['content-encoding'];
        location = response.headers.location ?? null;
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => end(null));
        response.on('end', () => end(response.statusCode ?? null));
      });
      const timer = setTimeout(
        () => clientRequest.destroy(new Error('The request timed out.')),
        RESPONSE_LIMIT_MS,
      );
      clientRequest.on('error', () => end(null));
      clientRequest.end(body?.content);
    });
  }
}

/** Probes /healthz while `work` runs and returns its longest response time in ms. */
export async function withLoopDelay<T>(
  client: HostileClient,
  work: () => Promise<T>,
): Promise<{ result: T; loopMs: number }> {
  let running = true;
  let loopMs = 0;
  const probing = (async () => {
    while (running) {
      const ms = await client.probe();
      loopMs = Math.max(loopMs, ms ?? RESPONSE_LIMIT_MS);
      await sleep(PROBE_EVERY_MS);
    }
  })();
  // Start the first probe before the work.
  await sleep(1);
  try {
    const result = await work();
    running = false;
    await probing;
    return { result, loopMs };
  } finally {
    running = false;
  }
}

/**
 * Samples the server's resident memory. `peak` is in MB since the last call; null without /proc.
 */
export function watchMemory(pid: number): { peak: () => number | null; stop: () => void } {
  const memoryKb = createMemoryReader(pid);
  let peakMb = 0;
  const read = () => {
    peakMb = Math.max(peakMb, (memoryKb?.() ?? 0) / 1024);
  };
  read();
  const timer = setInterval(read, MEMORY_EVERY_MS);
  return {
    peak: () => {
      read();
      const peak = peakMb;
      peakMb = 0;
      return memoryKb ? peak : null;
    },
    stop: () => clearInterval(timer),
  };
}
