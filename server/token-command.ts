import { type RunningServer, findServers } from './auth/server-folder';
import { issueToken } from './auth/start-token';
import { endOnSystemErrors } from './system-error';

/*
 * `npm run token`: prints a new link for a server of the same user on this machine that runs without sign-in. PORT
 * and BASE_PATH choose one where several run.
 */

function isChosen({ port, basePath }: RunningServer): boolean {
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
const running = await findServers(process.env);
const chosen = running.filter(isChosen);
const [server] = chosen;
const lines = (servers: RunningServer[]) =>
  servers
    .map(({ port, basePath }) => `  PORT=${port} BASE_PATH=${basePath || '/'} npm run token`)
    .join('\n');
if (!server)
  fail(
    running.length > 0
      ? `No console with this PORT and BASE_PATH waits for a token. These do:\n${lines(running)}`
      : 'No console of this user waits for a token on this machine. Start one with npm start; one with AUTH_MODE other than none needs no token.',
  );
if (chosen.length > 1) fail(`Several consoles wait for a token. Choose one:\n${lines(chosen)}`);
console.log(`${server.startUrl}#${issueToken(server.folder)}`);
