import { typedAt } from '../../components/search/token-at';
import { printAudit } from '../../lib/audit/recorder';
import { parseAuditFilter } from '../../lib/audit-log/filters';
import { get, stringOf } from '../../lib/core/json';
import { compactJson, parseJson, prettyJson } from '../../lib/core/json-text';
import { zonedToUtc } from '../../lib/core/locale';
import { blankText, cut, isFilterText, isTimestamp, isUuid } from '../../lib/core/text';
import { parseCronFile } from '../../lib/cron/cron-file';
import { describeSchedule } from '../../lib/cron/describe';
import { parseCron } from '../../lib/cron/fugit/cron-expression';
import { wordsToCron } from '../../lib/cron/fugit/natural-language';
import { readSchedule } from '../../lib/cron/fugit/occurrences';
import { MAX_TEXT_BYTES } from '../../lib/db/text-limit';
import { FailureReader, normalizeError, normalizeFrame } from '../../lib/failures/fingerprints';
import { decodeActiveJob, isLibraryFrame } from '../../lib/good-job/payload';
import {
  parsePools,
  parseQueueString,
  readProcessState,
  servesQueue,
  threadsFor,
  threadsOf,
} from '../../lib/good-job/process-state';
import { csvLines, ndjsonLine } from '../../lib/http/export-format';
import { parseJobFilter } from '../../lib/jobs/filters';
import { matchesGlob, setRedaction } from '../../lib/redaction/path-rules';
import { redaction } from '../../lib/redaction/redaction';
import { SecretRegistry } from '../../lib/redaction/secret-registry';
import { fieldOf, idDigits, parseQuery, printQuery } from '../../lib/search/parser';
import { quote, quoteValue, tokens, values } from '../../lib/search/tokens';

/*
 * Everything that reads job data in JavaScript, each as a function of one text. The bench and the guard of `npm test`
 * call them by name in a worker.
 */

/** `json`: it reads JSON, and is also given hostile JSON as it is. */
export interface Reader {
  read: (text: string) => unknown;
  json?: (json: string) => unknown;
  /** Longer texts do not reach it: the cut that its callers make, in characters. */
  maxLength?: number;
  /** It belongs to the redactor, which has a guard of its own in lib/redaction. */
  redactor?: true;
  /** It knows words, so it is given every word and every pair of signs too. */
  words?: true;
}

/** A query comes in a URL, and Node reads no more of a request's head. */
const URL_BYTES = 16_384;

const asJson = (text: string) => JSON.stringify([text]);
const ofArguments = { of: 'arguments', jobClass: 'TestJob' } as const;

/** Redacts a job's arguments, then the texts of its row that may repeat them, as a page does. */
function redactJob(json: string, error: string): string {
  const secrets = new SecretRegistry();
  const args = redaction().redactJson(parseJson(json), { ...ofArguments, secrets });
  return prettyJson(args) + redaction().redactText(error, secrets);
}

/** Arguments that hide pieces of the text itself, so that the search for repeats has work at every place. */
function hidingPieces(text: string): string {
  const lengths = [8, 12, 16, 24, 32, 47, 48, 64, 100, 250];
  const pieces = lengths.map((length) => text.slice(0, length));
  return JSON.stringify([{ secrets: [...pieces, ...pieces.map((piece) => `${piece}x`)] }]);
}

/** Text that is no JSON is refused; that is what such a text is read for. */
function unlessNoJson(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

const processState = (text: string) =>
  JSON.stringify({
    hostname: text,
    proctitle: text,
    schedulers: [{ name: `GoodJob::Scheduler(queues=${text} max_threads=5)` }, { queues: text }],
    [text.slice(0, 1_000)]: text,
  });

const concealing = { redact: (text: string) => text, sign: (text: string) => cut(text, 16) };

/** All readers by name. */
export const READERS: Record<string, Reader> = {
  'redactor, free text': {
    redactor: true,
    words: true,
    read: (text) => redaction().redactText(text, new SecretRegistry()),
  },
  'redactor, argument': {
    redactor: true,
    read: (text) => redactJob(asJson(text), ''),
    json: (json) => redactJob(json, json),
  },
  'redactor, key': {
    redactor: true,
    read: (text) => redactJob(JSON.stringify([{ [text]: text }]), ''),
  },
  'redactor, JSON in a string': {
    redactor: true,
    read: (text) => redactJob(asJson(JSON.stringify({ note: text })), ''),
    json: (json) => redactJob(asJson(json), ''),
  },
  'redactor, repeats of hidden values': {
    redactor: true,
    read: (text) => redactJob(hidingPieces(text), text),
  },
  'redactor, key names': { redactor: true, read: (text) => redaction().isSecretKey(text) },
  'glob of a rule': {
    redactor: true,
    read: (text) => matchesGlob(`*${text.slice(0, 48)}*x*${text.slice(0, 2)}*`, text),
  },
  JSON: {
    read: (text) => {
      unlessNoJson(() => parseJson(text));
      const json = parseJson(asJson(text));
      return prettyJson(json) + compactJson(json) + stringOf(json);
    },
    json: (json) => {
      const value = parseJson(json);
      return prettyJson(value).length + compactJson(value).length;
    },
  },
  'Active Job values': {
    read: (text) => {
      const of = (kind: string, value: object) => ({
        _aj_serialized: `ActiveJob::Serializers::${kind}`,
        ...value,
      });
      const values = [
        of('DateTimeSerializer', { value: text }),
        of('TimeSerializer', { value: text }),
        of('RangeSerializer', { begin: text }),
        of(text, { value: 1 }),
      ];
      return compactJson(decodeActiveJob(parseJson(JSON.stringify(values))));
    },
    json: (json) => compactJson(decodeActiveJob(parseJson(json))),
  },
  'keys of an object': { read: () => null, json: (json) => get(parseJson(json), 'no such key') },
  'query language': {
    maxLength: URL_BYTES,
    read: (text) => {
      printQuery(parseQuery(text));
      // Its callers refuse what is longer.
      fieldOf(text.slice(0, 1_000));
      parseQuery(`error:"${text}" args.0.${text}:1 attempts:${text} created:${text}`);
      return parseQuery(`failure:0123456789abcdef@${text}`);
    },
  },
  'filter of the URL': {
    read: (text) => {
      const params = ['q', 'query', 'label', 'job_class', 'sort', 'after_id', 'after_at', 'limit'];
      return parseJobFilter(new URLSearchParams(params.map((name) => [name, text])));
    },
    maxLength: URL_BYTES,
  },
  'filter of the audit': {
    read: (text) =>
      parseAuditFilter(
        new URLSearchParams(['viewer', 'target', 'from', 'to', 'q'].map((name) => [name, text])),
        'Asia/Tokyo',
      ),
    maxLength: URL_BYTES,
  },
  'words of a query': {
    maxLength: URL_BYTES,
    words: true,
    read: (text) => [tokens(text), values(text), quote(text), quoteValue(text), idDigits(text)],
  },
  'word under the caret': {
    maxLength: URL_BYTES,
    read: (text) => typedAt(text, text.length >> 1),
  },
  'failure key': {
    words: true,
    read: (text) => {
      normalizeError(`RuntimeError: ${text}`);
      normalizeFrame(text);
      return new FailureReader(concealing).read({ jobClass: text, error: text, frame: text });
    },
  },
  'frame of a library': { read: (text) => isLibraryFrame(text) },
  'cron schedule': {
    words: true,
    read: (text) => {
      readSchedule(text, 'Asia/Tokyo');
      const cron = parseCron(text.slice(0, 1_000));
      wordsToCron(text);
      return typeof cron === 'object' ? describeSchedule(cron.fields) : cron;
    },
  },
  'queue strings': {
    maxLength: MAX_TEXT_BYTES,
    read: (text) => {
      const pools = parsePools(text);
      servesQueue(parseQueueString(text), text);
      return threadsFor(pools, 'default');
    },
  },
  'process state': {
    maxLength: MAX_TEXT_BYTES,
    read: (text) => threadsOf(readProcessState(processState(text)).schedulers),
    json: (json) => readProcessState(json),
  },
  'cuts and checks': {
    read: (text) => [
      cut(text, text.length - 1),
      isTimestamp(text),
      isUuid(text),
      isFilterText(text),
      blankText(text),
      zonedToUtc(text, 'Asia/Tokyo'),
    ],
  },
  'export lines': {
    read: (text) => csvLines([[text, 1, text]]) + ndjsonLine([['error', parseJson(asJson(text))]]),
  },
  'audit line': {
    read: (text) => {
      const { log } = console;
      console.log = () => undefined;
      try {
        return printAudit({ viewer: text, counts: {}, details: { reason: text } } as never);
      } finally {
        console.log = log;
      }
    },
  },
  // Written by the operator, not by a job; bounded to one entry of a usual file.
  'cron file': {
    read: (text) => {
      try {
        return parseCronFile(`entry:\n  cron: ${text}\n`, 'cron.yml');
      } catch {
        return null;
      }
    },
    maxLength: 8_192,
  },
};

/** Runs one reader on one text; the length of the text counts before this reader's own cut. */
export function runReader(name: string, text: string, isJson: boolean): void {
  const reader = READERS[name];
  if (!reader) throw new Error(`There is no reader "${name}".`);
  setRedaction({});
  const given = reader.maxLength === undefined ? text : text.slice(0, reader.maxLength);
  if (isJson) unlessNoJson(() => reader.json?.(given));
  else reader.read(given);
}
