import net from 'node:net';

function listens(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const { port: got } = server.address() as net.AddressInfo;
      server.close(() => resolve(got));
    });
  });
}

function isAnswered(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    const done = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
    socket.setTimeout(1000, () => done(true));
  });
}

/**
 * The preferred port if nobody listens on it, else the next free one; any free one without a preference.
 * It can be taken before it is used: the caller asks again.
 */
export async function freePort(preferred = 0): Promise<number> {
  const last = preferred === 0 ? 0 : Math.min(preferred + 100, 65_535);
  for (let port = preferred; port <= last; port++) {
    // macOS lets us listen on 127.0.0.1 beside a program that listens on every address, and we would take its visitors.
    if (port !== 0 && (await isAnswered(port))) continue;
    const got = await listens(port);
    if (got) return got;
  }
  const any = await listens(0);
  if (!any) throw new Error('No free port on 127.0.0.1 could be found for PostgreSQL.');
  return any;
}
