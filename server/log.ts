import pino, { type DestinationStream, type Logger } from 'pino';
import { ConsoleError, statusOf } from '../lib/core/errors';
import { currentRequestId } from '../lib/http/response-status';

/** A database that is down is reported by every request; one line a period says how many. */
const OUTAGE_PERIOD_MS = 1_000;

/**
 * The log: JSON lines, or text on a terminal, with the time, the level and the id of the request. Everything that this
 * process prints goes through it (`captureConsole`), except the records of the audit, which are JSON lines of their own.
 */
export function createLog(
  stream: DestinationStream & { isTTY?: boolean } = process.stdout,
): Logger {
  return pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      mixin: () => {
        const requestId = currentRequestId();
        return requestId === undefined ? {} : { requestId };
      },
    },
    stream.isTTY ? { write: (line) => stream.write(prettyLine(line)) } : stream,
  );
}

/** `07:05:09 WARN  The sentence. (request 0a1b…)`, and the stack of an unexpected error below. */
export function prettyLine(line: string): string {
  const { time, level, msg, requestId, stack, ...rest } = JSON.parse(line) as Record<
    string,
    unknown
  >;
  const details = Object.keys(rest).length > 0 ? ` ${JSON.stringify(rest)}` : '';
  const request = typeof requestId === 'string' ? ` (request ${requestId})` : '';
  const head = `${String(time).slice(11, 19)} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}`;
  const lines = `${head}${details}${request}\n${typeof stack === 'string' ? `${stack}\n` : ''}`;
  // Job data in a message must not control the terminal.
  return lines.replaceAll(/[^\P{C}\n\t]/gu, escapeCharacter);
}

const escapeCharacter = (char: string): string => `\\u{${char.codePointAt(0)?.toString(16) ?? ''}}`;

type Level = 'info' | 'warn' | 'error';

/** Sends what any module prints with `console` to the log. */
export function captureConsole(
  log: Logger,
  write: (text: string) => void = (text) => void process.stdout.write(text),
): void {
  const report = createReporter(log);
  const capture =
    (level: Level) =>
    (...values: unknown[]) => {
      const [first] = values;
      if (typeof first === 'string' && first.startsWith('{"audit":')) write(`${first}\n`);
      else report(level, values);
    };
  console.log = capture('info');
  console.info = capture('info');
  console.debug = capture('info');
  console.warn = capture('warn');
  console.error = capture('error');
}

function createReporter(log: Logger): (level: Level, values: unknown[]) => void {
  let outage = { at: -Infinity, omitted: 0 };
  return (level, values) => {
    const error = values.find((value) => value instanceof Error);
    const text = values
      .filter((value) => value !== error)
      .map((value) => (typeof value === 'string' ? value : safeJson(value)))
      .join(' ')
      .trim();
    if (!error) return log[level](plain(text));
    if (!(error instanceof ConsoleError) || error.code === 'unexpected')
      return log[level]({ stack: error.stack }, plain(text || error.message));
    const fields = { code: error.code, ...(causeOf(error) ? { cause: causeOf(error) } : {}) };
    const message = text || `Refused: ${error.code}`;
    if (!isOutage(error))
      return log[statusOf(error.code) >= 500 ? 'error' : 'info'](fields, message);
    const now = performance.now();
    if (now - outage.at < OUTAGE_PERIOD_MS) {
      outage.omitted += 1;
      return;
    }
    const omitted = outage.omitted > 0 ? { omitted: outage.omitted } : {};
    outage = { at: now, omitted: 0 };
    log.error({ ...fields, ...omitted }, message);
  };
}

const isOutage = ({ code }: ConsoleError) =>
  code.startsWith('database_') || code.startsWith('tls_');

function causeOf({ cause }: ConsoleError): string | null {
  return cause instanceof Error ? cause.message : null;
}

/** Without the signs by which Next decorates its messages for a terminal. */
function plain(text: string): string {
  return text.replace(/\u001b\[[0-9;]*m/g, '').trim();
}

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
