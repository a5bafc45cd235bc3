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

interface TlsOptions {
  port: number;
  /** The port of the console; read at each request, since it may start later. */
  consolePort: () => number;
  host: string;
  /** Responds to requests for any other host. */
  otherwise: (request: IncomingMessage, response: ServerResponse) => void;
}

function certificate(): { key: Buffer; cert: Buffer } {
  const folder = mkdtempSync(path.join(tmpdir(), 'good-job-console-tls-'));
  const key = path.join(folder, 'key.pem');
  const cert = path.join(folder, 'cert.pem');
  const result = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', cert],
  ]);
  if (result.status !== 0) throw new Error(`openssl failed: ${String(result.stderr)}`);
  const pair = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true, force: true });
  return pair;
}

/** Terminates TLS in front of the console with a self-signed certificate. */
export async function startTls({
  port,
  consolePort,
  host,
  otherwise,
}: TlsOptions): Promise<{ stop(): Promise<void> }> {
  const server = createServer(certificate(), (request, response) => {
    if (request.headers.host !== host) return otherwise(request, response);
    const { method, url, headers } = request;
    const forwarded = httpRequest(
      { host: '127.0.0.1', port: consolePort(), method, path: url, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    forwarded.on('error', () => response.destroy());
    request.pipe(forwarded);
  });
  await new Promise<void>((resolve) => server.listen(port, 'localhost', resolve));
  return {
    stop: () =>
      new Promise((resolve) => void (server.closeAllConnections(), server.close(() => resolve()))),
  };
}
