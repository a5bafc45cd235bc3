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

/**
 * Namespaces that a browser loads only with the pages that use them (components/i18n); `a.b` is a
 * part of a namespace.
 */
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
    'waiting',
  ],
  audit: ['audit'],
  palette: ['keys', 'palette'],
  overview: [
    'attention.kinds',
    'audit.actions',
    'audit.outcomes',
    'batch.progressLabel',
    'batches.noDescription',
    'failures.blankError',
    'failures.ranges',
    'overview',
    'queues.noQueue',
  ],
};

const NOT_ON_EVERY_PAGE = new Set([
  ...SERVER_ONLY,
  ...Object.values(PARTS)
    .flat()
    .map((name) => name.split('.')[0]),
]);

/** Returns the messages with these names, which are namespaces or parts of them. */
function pick(messages, names) {
  const picked = {};
  for (const name of names) {
    const [namespace, key] = name.split('.');
    if (key === undefined) picked[namespace] = messages[namespace];
    else picked[namespace] = { ...picked[namespace], [key]: messages[namespace][key] };
  }
  return picked;
}

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
  const messages = JSON.parse(readFileSync(file, 'utf8'));
  const names =
    PARTS[part] ?? Object.keys(messages).filter((namespace) => !NOT_ON_EVERY_PAGE.has(namespace));
  return JSON.stringify(pick(messages, names));
}
