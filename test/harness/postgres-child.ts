import { startPostgres } from './postgres';

/**
 * A program of its own that starts a server and says where, for tests of how programs end: it exits when its input closes, without stop().
 * Its one argument is the StartOptions as JSON.
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
