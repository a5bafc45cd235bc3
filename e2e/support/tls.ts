import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type IncomingMessage, type ServerResponse, request as httpRequest } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const NO_OPENSSL = 'There is no openssl on this machine, so nothing was tested over https.';

export function hasOpenssl(): boolean {
  return spawnSync('openssl', ['version']).status === 0;
}

export interface TlsOptions {
  port: number;
  /** The port of the console; read at each request, since it may start later. */
  to: () => number;
  /** Answers for every other host, in place of the console. */
  host: string;
  otherwise: (request: IncomingMessage, response: ServerResponse) => void;
}

function certificate(): { key: Buffer; cert: Buffer } {
  const folder = mkdtempSync(path.join(tmpdir(), 'good-job-console-tls-'));
  const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', cert],
  ]);
  if (made.status !== 0) throw new Error(`openssl failed: ${String(made.stderr)}`);
  const pair = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true, force: true });
  return pair;
}

/** Ends TLS before the console, as a load balancer does, with a certificate that nobody signed. */
export async function startTls({
  port,
  to,
  host,
  otherwise,
}: TlsOptions): Promise<{ stop(): Promise<void> }> {
  const server = createServer(certificate(), (request, response) => {
    if (request.headers.host !== host) return otherwise(request, response);
    const { method, url, headers } = request;
    const passed = httpRequest(
      { host: '127.0.0.1', port: to(), method, path: url, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    passed.on('error', () => response.destroy());
    request.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(port, 'localhost', resolve));
  return {
    stop: () =>
      new Promise((resolve) => void (server.closeAllConnections(), server.close(() => resolve()))),
  };
}
