import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const NO_NGINX =
  'There is no nginx on this machine (Debian: apt-get install nginx), so nothing was tested behind it.';

/** Searches /usr/sbin as well, which is not in the PATH of ordinary users on Debian. */
export function findNginx(): string | undefined {
  const folders = ['/usr/sbin', ...(process.env.PATH ?? '').split(path.delimiter)].filter(Boolean);
  return folders.map((folder) => path.join(folder, 'nginx')).find((file) => existsSync(file));
}

export interface Nginx {
  port: number;
  /** `http://localhost:<port>` */
  origin: string;
  stop(): Promise<void>;
}

/** A server block with nothing but `proxy_pass`: loopback Host, HTTP/1.0, no forwarded header. */
interface BareNginxOptions {
  port: number;
  console: number;
  bare: true;
}

interface NginxOptions {
  port: number;
  /** `/ops/good_job`, or '' for the whole host. */
  basePath: string;
  console: number;
  /** Whether nginx removes the prefix before the console. */
  stripsPrefix: boolean;
  /**
   * Authenticates each request at this port and sends the account with the secret to the console.
   */
  signIn?: { port: number; secret: string };
}

const START_TIMEOUT_MS = 10_000;

/** The locations of docs/sso.md. */
function locations({ basePath, console: to, stripsPrefix, signIn }: NginxOptions): string {
  const identity = signIn
    ? `auth_request /authenticate;
      auth_request_set $auth_user $upstream_http_x_auth_request_user;
      auth_request_set $auth_email $upstream_http_x_auth_request_email;
      auth_request_set $auth_groups $upstream_http_x_auth_request_groups;
      error_page 401 =403 /sign-in;
      proxy_set_header X-Forwarded-User $auth_user;
      proxy_set_header X-Forwarded-Email $auth_email;
      proxy_set_header X-Forwarded-Groups $auth_groups;
      proxy_set_header X-Auth-Proxy-Secret "${signIn.secret}";
      proxy_set_header X-Request-Id $request_id;`
    : '';
  const proxied = `proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_http_version 1.1;`;
  const passTo = (path: string) => `proxy_pass http://127.0.0.1:${to}${stripsPrefix ? path : ''};`;
  return `location ${basePath}/ {
      ${identity}
      ${proxied}
      ${passTo('/')}
    }
    # Scripts and styles, the same for everybody: an open page may load one after its session has ended.
    location ${basePath}/_next/static/ {
      ${proxied}
      ${passTo('/_next/static/')}
    }
    ${basePath ? `location = ${basePath} { rewrite ^ ${basePath}/ last; }` : ''}
    ${
      signIn
        ? `location = /authenticate {
      internal;
      proxy_pass http://127.0.0.1:${signIn.port}/authenticate;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
    }
    location ~ ^/sign-(in|out)$ {
      proxy_pass http://127.0.0.1:${signIn.port};
      proxy_set_header X-Auth-Request-Redirect $request_uri;
    }`
        : ''
    }
`;
}

/** The configuration; all files that nginx writes are in `folder`. */
function configuration(folder: string, options: NginxOptions | BareNginxOptions): string {
  const inside =
    'bare' in options
      ? `location / { proxy_pass http://127.0.0.1:${options.console}; }`
      : locations(options);
  return `daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
    .join(' ')}
  server {
    listen 127.0.0.1:${options.port};
    ${inside}
  }
}
`;
}

function acceptsConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Starts nginx with a temporary folder; rejects with its output if it does not start. */
export async function startNginx(options: NginxOptions | BareNginxOptions): Promise<Nginx> {
  const program = findNginx();
  if (!program) throw new Error(NO_NGINX);
  const folder = mkdtempSync(path.join(tmpdir(), 'good-job-console-nginx-'));
  mkdirSync(path.join(folder, 'logs'));
  writeFileSync(path.join(folder, 'nginx.conf'), configuration(folder, options), { mode: 0o600 });
  const child: ChildProcess = spawn(
    program,
    ['-p', folder, '-c', path.join(folder, 'nginx.conf'), '-e', 'stderr'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let output = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-10_000);
  });
  child.once('error', (error) => {
    output += error.message;
  });
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  // On SIGTERM the master process stops its worker too.
  const stopAtOnce = () => void child.kill('SIGTERM');
  process.once('exit', stopAtOnce);
  const stop = async () => {
    process.off('exit', stopAtOnce);
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      child.kill('SIGTERM');
      await exited;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  for (
    const limit = Date.now() + START_TIMEOUT_MS;
    Date.now() < limit && child.exitCode === null;
    await sleep(20)
  ) {
    if (await acceptsConnections(options.port))
      return { port: options.port, origin: `http://localhost:${options.port}`, stop };
  }
  await stop();
  throw new Error(`nginx did not start: ${output.trim()}`);
}
