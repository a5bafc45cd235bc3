import { type RunningServer, findServers } from './auth/server-folder';
import { issueToken } from './auth/start-token';
import { endOnSystemErrors } from './system-error';

/*
 * `npm run token` prints a new sign-in link for a server of this user on this machine that runs
 * with AUTH_MODE=none. PORT and BASE_PATH select one of several servers.
 */

function isSelected({ port, basePath }: RunningServer): boolean {
  const { PORT, BASE_PATH } = process.env;
  return (
    (!Number(PORT) || Number(PORT) === port) && (!BASE_PATH || BASE_PATH === (basePath || '/'))
  );
}

function fail(sentence: string): never {
  console.error(sentence);
  process.exit(1);
}

endOnSystemErrors();
const runningServers = await findServers(process.env);
const selectedServers = runningServers.filter(isSelected);
const [server] = selectedServers;
/** The command for each server, one per line. */
const commandsFor = (servers: RunningServer[]) =>
  servers
    .map(({ port, basePath }) => `  PORT=${port} BASE_PATH=${basePath || '/'} npm run token`)
    .join('\n');
if (!server)
  fail(
    runningServers.length > 0
      ? `No console with this PORT and BASE_PATH waits for a token. These do:\n${commandsFor(runningServers)}`
      : 'No console of this user waits for a token on this machine. Start one with npm start; ' +
          'a console with another AUTH_MODE than none needs no token.',
  );
if (selectedServers.length > 1)
  fail(`Several consoles wait for a token. Choose one:\n${commandsFor(selectedServers)}`);
console.log(`${server.startUrl}#${issueToken(server.folder)}`);
