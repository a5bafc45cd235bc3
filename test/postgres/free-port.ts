import net from 'node:net';

/** Returns the port it listened on; undefined if that failed. */
function tryListen(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address() as net.AddressInfo;
      server.close(() => resolve(address.port));
    });
  });
}

function isInUse(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    const done = (inUse: boolean) => {
      socket.destroy();
      resolve(inUse);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
    socket.setTimeout(1000, () => done(true));
  });
}

/**
 * Returns the preferred port if it is free, otherwise the next free one; without a preference any.
 * Another process may take it before it is used: the caller has to retry.
 */
export async function freePort(preferred = 0): Promise<number> {
  const last = preferred === 0 ? 0 : Math.min(preferred + 100, 65_535);
  for (let port = preferred; port <= last; port++) {
    // macOS allows listening on 127.0.0.1 while another program listens on all addresses.
    if (port !== 0 && (await isInUse(port))) continue;
    const availablePort = await tryListen(port);
    if (availablePort) return availablePort;
  }
  const any = await tryListen(0);
  if (!any) throw new Error('No free port was found on 127.0.0.1.');
  return any;
}
