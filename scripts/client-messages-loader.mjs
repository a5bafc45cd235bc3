import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Namespaces of messages/<locale>.json that only the server renders. */
const SERVER_ONLY = [
  'app',
  'banners',
  'export',
  'failures',
  'filter',
  'gateway',
  'notFound',
  'performance',
  'reveal',
  'start',
  'timeline',
];

/** Namespaces that a browser loads only with the pages that use them (components/i18n). */
const PARTS = {
  more: [
    'attention',
    'batch',
    'batchStates',
    'batches',
    'bulk',
    'cron',
    'pauses',
    'processes',
    'queues',
    'searchHelp',
    'stuck',
  ],
  audit: ['audit'],
  palette: ['keys', 'palette'],
};

const NOT_ON_EVERY_PAGE = new Set([...SERVER_ONLY, ...Object.values(PARTS).flat()]);

/*
 * Loader for the empty files <locale>.json and <locale>.<part>.json in messages/client: replaces
 * each with its namespaces, so that browsers do not load messages that only the server needs.
 */
export default function clientMessagesLoader(source) {
  const folder = path.dirname(this.resourcePath);
  if (path.basename(folder) !== 'client') return source;
  const [locale, part] = path.basename(this.resourcePath, '.json').split('.');
  const file = path.join(path.dirname(folder), `${locale}.json`);
  this.addDependency(file);
  const isIncluded = (namespace) =>
    part ? PARTS[part].includes(namespace) : !NOT_ON_EVERY_PAGE.has(namespace);
  const messages = Object.entries(JSON.parse(readFileSync(file, 'utf8')));
  return JSON.stringify(
    Object.fromEntries(messages.filter(([namespace]) => isIncluded(namespace))),
  );
}
