import { tokenAt } from '../../components/search/search-query';
import { printAudit } from '../../lib/audit/recorder';
import { parseAuditFilter } from '../../lib/audit-log/filters';
import { matchesGlob, setRedactionConfig } from '../../lib/config/redaction-rules';
import { compactJson, memberOf, parseJson, prettyJson, stringOf } from '../../lib/core/json';
import { zonedToUtc } from '../../lib/core/locale';
import { isBlankText, truncateText, isFilterText, isTimestamp, isUuid } from '../../lib/core/text';
import { parseCronFile } from '../../lib/cron/cron-file';
import { describeSchedule } from '../../lib/cron/entries';
import { parseCron, wordsToCron } from '../../lib/cron/fugit/cron-expression';
import { parseSchedule } from '../../lib/cron/fugit/occurrences';
import { MAX_TEXT_BYTES } from '../../lib/db/text-limit';
import { FailureReader, normalizeError, normalizeFrame } from '../../lib/failures/groups';
import { decodeActiveJob, isLibraryFrame } from '../../lib/good-job/payload';
import {
  parsePools,
  parseQueueString,
  readProcessState,
  servesQueue,
  queueThreads,
  totalThreads,
} from '../../lib/good-job/processes';
import { csvLines, ndjsonLine } from '../../lib/http/export-format';
import { parseJobFilter } from '../../lib/jobs/filters';
import { type JsonOptions, redaction } from '../../lib/redaction/redaction';
import { SecretRegistry } from '../../lib/redaction/secret-registry';
import { parseField, idDigits, parseQuery, printQuery } from '../../lib/search/parser';
import { quoteText, quoteValue, tokenize, parseValues } from '../../lib/search/terms';

/*
 * All code that reads job data in JavaScript, each part as a function of one text. The bench and
 * `linear.test.ts` run them by name in a worker thread.
 */

/** One part of the code under test. */
interface Reader {
  read: (text: string) => unknown;
  /** Reads hostile JSON without embedding it in a text. */
  json?: (json: string) => unknown;
  /** The length in characters to which its callers cut a text. */
  maxLength?: number;
  /** Part of the redactor, which has its own linear-time test in lib/redaction. */
  redactor?: true;
  /**
   * Matches words, so it is also tested with every word of the source and every pair of symbols.
   */
  words?: true;
}

/** Node's limit for the head of a request, and so for a query in a URL. */
const URL_BYTES = 16_384;

const asJson = (text: string) => JSON.stringify([text]);
const argumentsOptions: JsonOptions = { kind: 'arguments', jobClass: 'TestJob' };

/** Redacts a job's arguments and then its error, as a page does. */
function redactJob(json: string, error: string): string {
  const secrets = new SecretRegistry();
  const args = redaction().redactJson(parseJson(json), { ...argumentsOptions, secrets });
  return prettyJson(args) + redaction().redactText(error, secrets);
}

/**
 * Arguments whose hidden values are pieces of the text itself, so that repeats occur everywhere.
 */
function argumentsHidingPieces(text: string): string {
  const lengths = [8, 12, 16, 24, 32, 47, 48, 64, 100, 250];
  const pieces = lengths.map((length) => text.slice(0, length));
  return JSON.stringify([{ secrets: [...pieces, ...pieces.map((piece) => `${piece}x`)] }]);
}

/** Ignores the expected error for a text that is not JSON. */
function ignoreSyntaxError(read: () => unknown): unknown {
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

const failureRedactor = {
  redact: (text: string) => text,
  sign: (text: string) => truncateText(text, 16),
};

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
    read: (text) => redactJob(argumentsHidingPieces(text), text),
  },
  'redactor, key names': { redactor: true, read: (text) => redaction().isSecretKey(text) },
  'rule glob': {
    redactor: true,
    read: (text) => matchesGlob(`*${text.slice(0, 48)}*x*${text.slice(0, 2)}*`, text),
  },
  JSON: {
    read: (text) => {
      ignoreSyntaxError(() => parseJson(text));
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
      const serialize = (kind: string, value: object) => ({
        _aj_serialized: `ActiveJob::Serializers::${kind}`,
        ...value,
      });
      const values = [
        serialize('DateTimeSerializer', { value: text }),
        serialize('TimeSerializer', { value: text }),
        serialize('RangeSerializer', { begin: text }),
        serialize(text, { value: 1 }),
      ];
      return compactJson(decodeActiveJob(parseJson(JSON.stringify(values))));
    },
    json: (json) => compactJson(decodeActiveJob(parseJson(json))),
  },
  'object keys': { read: () => null, json: (json) => memberOf(parseJson(json), 'no such key') },
  'query language': {
    maxLength: URL_BYTES,
    read: (text) => {
      printQuery(parseQuery(text));
      // Its callers reject longer texts.
      parseField(text.slice(0, 1_000));
      parseQuery(`error:"${text}" args.0.${text}:1 attempts:${text} created:${text}`);
      return parseQuery(`failure:0123456789abcdef@${text}`);
    },
  },
  'job filter': {
    read: (text) => {
      const params = ['q', 'query', 'label', 'job_class', 'sort', 'after_id', 'after_at', 'limit'];
      return parseJobFilter(new URLSearchParams(params.map((name) => [name, text])));
    },
    maxLength: URL_BYTES,
  },
  'audit filter': {
    read: (text) =>
      parseAuditFilter(
        new URLSearchParams(['viewer', 'target', 'from', 'to', 'q'].map((name) => [name, text])),
        'Asia/Tokyo',
      ),
    maxLength: URL_BYTES,
  },
  'query tokens': {
    maxLength: URL_BYTES,
    words: true,
    read: (text) => [
      tokenize(text),
      parseValues(text),
      quoteText(text),
      quoteValue(text),
      idDigits(text),
    ],
  },
  'token at the cursor': {
    maxLength: URL_BYTES,
    read: (text) => tokenAt(text, text.length >> 1),
  },
  'failure key': {
    words: true,
    read: (text) => {
      normalizeError(`RuntimeError: ${text}`);
      normalizeFrame(text);
      return new FailureReader(failureRedactor).read({ jobClass: text, error: text, frame: text });
    },
  },
  'library frame': { read: (text) => isLibraryFrame(text) },
  'cron schedule': {
    words: true,
    read: (text) => {
      parseSchedule(text, 'Asia/Tokyo');
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
      return queueThreads(pools, 'default');
    },
  },
  'process state': {
    maxLength: MAX_TEXT_BYTES,
    read: (text) => totalThreads(readProcessState(processState(text)).schedulers),
    json: (json) => readProcessState(json),
  },
  'text helpers': {
    read: (text) => [
      truncateText(text, text.length - 1),
      isTimestamp(text),
      isUuid(text),
      isFilterText(text),
      isBlankText(text),
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
  // Operators write this file and jobs cannot, so one entry of a realistic size is enough.
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

/**
 * Runs one reader on one text, which is first cut to the reader's `maxLength`. Throws if no reader
 * has this name.
 */
export function runReader(name: string, text: string, isJson: boolean): void {
  const reader = READERS[name];
  if (!reader) throw new Error(`There is no reader "${name}".`);
  setRedactionConfig({});
  const input = reader.maxLength === undefined ? text : text.slice(0, reader.maxLength);
  if (isJson) ignoreSyntaxError(() => reader.json?.(input));
  else reader.read(input);
}
