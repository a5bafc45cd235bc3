import pino, { type DestinationStream, type Logger } from 'pino';
import { ConsoleError, statusOf } from '../lib/core/errors';
import { currentRequestId } from '../lib/core/process-state';

/** While the database is down, one line per period replaces one per request. */
const OUTAGE_PERIOD_MS = 1_000;

/**
 * Creates the logger: JSON lines, or text on a terminal, with time, level and request id.
 * `captureConsole` routes everything through it except audit records, which are JSON already.
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

/** Formats a line as `07:05:09 WARN  The sentence. (request 0a1b…)`, followed by a stack if any. */
export function prettyLine(line: string): string {
  const entry: Record<string, unknown> = JSON.parse(line);
  const { time, level, msg, requestId, stack, ...rest } = entry;
  const details = Object.keys(rest).length > 0 ? ` ${JSON.stringify(rest)}` : '';
  const request = typeof requestId === 'string' ? ` (request ${requestId})` : '';
  const clock = String(time).slice(11, 19);
  const head = `${clock} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}`;
  const lines = `${head}${details}${request}\n${typeof stack === 'string' ? `${stack}\n` : ''}`;
  // Job data in a message must not send control sequences to the terminal.
  return lines.replaceAll(/[^\P{C}\n\t]/gu, escapeCharacter);
}

const escapeCharacter = (char: string): string => `\\u{${char.codePointAt(0)?.toString(16) ?? ''}}`;

type Level = 'info' | 'warn' | 'error';

/** Replaces the methods of `console` so that they write to the log. */
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
    if (!error) return log[level](stripAnsi(text));
    if (!(error instanceof ConsoleError) || error.code === 'unexpected')
      return log[level]({ stack: error.stack }, stripAnsi(text || error.message));
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

/** Removes the colour codes of Next's messages. */
function stripAnsi(text: string): string {
  return text.replace(/\u001b\[[0-9;]*m/g, '').trim();
}

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
