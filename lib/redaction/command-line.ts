import type { Steps } from '../core/steps';
import { Pacer, type Scan, execFrom } from './scan';

/*
 * Credentials on a command line that stand behind no secret name: `mysql -ppassword`, `curl -u user:password`. The rule
 * remembers the last command of the line and looks at each option once.
 */

/** How far behind its command an option may stand. */
const MAX_DISTANCE = 200;

interface CommandOption {
  command: RegExp;
  /** Right at the option; the password is the first group. */
  option: RegExp;
}

/** The commands by name, and the options that take a password. */
const COMMAND_OPTIONS: readonly CommandOption[] = [
  { command: /^(?:mysql|mariadb)/i, option: /-p["']?([^\s"']+)/dy },
  { command: /^(?:docker|podman|helm|oc|az)/i, option: /-p[ =]?["']?([^\s"']+)/dy },
  { command: /^(?:sshpass|mongo|vncviewer)/i, option: /-p[ =]{0,3}["']?([^\s"']+)/dy },
  { command: /^redis-cli/i, option: /-a[ =]["']?([^\s"']+)/dy },
  { command: /^ldap/i, option: /-w[ =]?["']?([^\s"']+)/dy },
  { command: /^(?:un)?zip/i, option: /-P ?["']?([^\s"']+)/dy },
  { command: /^(?:7z|p7zip|unrar|rar)/i, option: /-p["']?([^\s"']+)/dy },
  { command: /^(?:smbclient|rpcclient|net)/i, option: /-U[ =]?["']?[^\s%"']{1,60}%([^\s"']+)/dy },
];
const COMMAND_OR_OPTION =
  /\b(?:mysql\w{0,12}|mariadb\w{0,12}|docker\slogin|podman\slogin|helm\sregistry|oc\slogin|az\slogin|sshpass|mongo(?:sh|dump|restore|export|import)?|vncviewer|redis-cli|ldap(?:search|modify|add|passwd|whoami)|(?:un)?zip|7z[ar]?|p7zip|(?:un)?rar|smbclient|rpcclient)\b|[\n|;]|&&|\b(?:ssh|scp|sftp|mkdir|cp|ps|tar|psql|pg_dump|pg_restore|nc|git|rsync|kubectl|docker|podman)\s|(?<=\s)-[a-zA-Z]/g;
/** The end of a command, or another one, which takes no password. */
const ENDS_COMMAND = /^[\n|;&]|\s$/;

/** `curl -u user:password`, `--user`, `--proxy-user`: of any command. */
const USER_AND_PASSWORD = /(?:^|\s)(?:-u|--user|--proxy-user)[ =]["']?[^\s:"']{1,60}:([^\s"']+)/dgi;
const IDENTIFIED_BY = /\bidentified\s(?:with\s\w{1,40}\s)?by\s["']([^"']+)/dgi;
/** `openssl … -passin pass:secret` */
const PASS_ARGUMENT = /\s-pass(?:in|out)?\spass:([^\s"']+)/dgi;
export const ANYWHERE: readonly RegExp[] = [USER_AND_PASSWORD, IDENTIFIED_BY, PASS_ARGUMENT];

export function* commandLines({ text, hide }: Scan): Steps<void> {
  const pacer = new Pacer();
  let command = '';
  let commandEnd = -1;
  if (text.includes('-'))
    for (let at = 0; ;) {
      const match = execFrom(COMMAND_OR_OPTION, text, at);
      if (!match) break;
      const [found] = match;
      at = match.index + found.length;
      if (pacer.isDue(at)) yield;
      if (!found.startsWith('-')) {
        command = ENDS_COMMAND.test(found) ? '' : found;
        commandEnd = at;
        continue;
      }
      if (command === '' || match.index - commandEnd > MAX_DISTANCE) continue;
      for (const { command: own, option } of COMMAND_OPTIONS) {
        const value = own.test(command) ? execFrom(option, text, match.index) : null;
        const [from, to] = value?.indices?.[1] ?? [0, 0];
        hide(from, to);
        at = Math.max(at, to);
        // The password is for the command behind it, which has options of its own.
        if (to > 0 && command === 'sshpass') command = '';
      }
    }
  for (const pattern of ANYWHERE)
    for (let at = 0; ;) {
      const match = execFrom(pattern, text, at);
      if (!match) break;
      const [from, to] = match.indices?.[1] ?? [0, 0];
      hide(from, to);
      at = to;
      if (pacer.isDue(at)) yield;
    }
}
