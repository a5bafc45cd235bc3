import { type Json, object } from '../core/json';
import { compactJson } from '../core/json-text';

/* Files that a list is written to, a chunk of text at a time. */

export const EXPORT_FORMATS = ['csv', 'ndjson'] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Rows read at a time: what is in memory at most, beside what the reader has not taken yet. */
export const EXPORT_CHUNK = 500;

/** The first line. The mark tells Excel that the file is UTF-8; without it Japanese is garbled. */
export const csvHead = (columns: readonly string[]): string => `\ufeff${csvLines([columns])}`;

/** What a spreadsheet would take for a formula, in the full-width forms that Japanese ones also take. */
const FORMULA = /^[\t\r\n ]*[=+\-@＝＋－＠]|^[\t\r]/;

/** Text that a spreadsheet would calculate is shown as text: an apostrophe before it, as a spreadsheet itself writes it. */
const safe = (text: string) => (FORMULA.test(text) ? `'${text}` : text);

/** RFC 4180: what holds a quote, a comma or the end of a line is quoted, and its quotes are doubled. */
function csvField(value: string | number | null): string {
  if (typeof value !== 'string') return value === null ? '' : String(value);
  const text = safe(value);
  // Split and join, because replaceAll takes 20 times as long for 1 MB of quotes.
  return /[",\r\n]/.test(text) ? `"${text.split('"').join('""')}"` : text;
}

/** One line each, with its end. */
export const csvLines = (records: readonly (readonly (string | number | null)[])[]): string =>
  records.map((record) => `${record.map(csvField).join(',')}\n`).join('');

export const ndjsonLine = (entries: [string, Json][]): string =>
  `${compactJson(object(entries))}\n`;
