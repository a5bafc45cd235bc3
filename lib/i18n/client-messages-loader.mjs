import { readFileSync } from 'node:fs';
import path from 'node:path';

/*
 * The files of messages/client name namespaces of messages/<locale>.json; the build puts those in their place, so that
 * a browser loads no words that only the server or other pages speak.
 */
export default function clientMessagesLoader(source) {
  const folder = path.dirname(this.resourcePath);
  if (path.basename(folder) !== 'client') return source;
  const { from, only, without } = JSON.parse(source);
  const file = path.join(path.dirname(folder), from);
  this.addDependency(file);
  const messages = Object.entries(JSON.parse(readFileSync(file, 'utf8')));
  return JSON.stringify(
    Object.fromEntries(
      messages.filter(([namespace]) =>
        only ? only.includes(namespace) : !without.includes(namespace),
      ),
    ),
  );
}
