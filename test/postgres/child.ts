import { startPostgres } from './postgres';

/**
 * A program that starts a server and prints its address, for tests of process termination: it exits
 * without stop() when its input closes. Its argument is StartOptions as JSON.
 */
const server = await startPostgres(JSON.parse(process.argv[2] ?? '{}'));
console.log(
  JSON.stringify({
    url: server.url,
    port: server.port,
    dataDir: server.dataDir,
    uid: process.getuid?.(),
  }),
);
process.stdin.resume().on('end', () => process.exit(0));
