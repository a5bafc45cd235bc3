import type pg from 'pg';
import { parseTextArray } from './array-parser';

const OID = {
  bool: 16,
  int2: 21,
  int4: 23,
  float8: 701,
  timestamp: 1114,
  timestamptz: 1184,
  textArray: 1009,
  uuidArray: 2951,
} as const;

/**
 * A timestamp as Postgres prints it (UTC session, ISO DateStyle) to `YYYY-MM-DDTHH:MM:SS.ffffffZ`, whether the
 * column is `timestamp` or `timestamptz`. A JavaScript Date would lose the microseconds and break keyset paging.
 * `infinity` and years before Christ stay as Postgres prints them.
 */
export function parseTimestamp(text: string): string {
  const match = /^(\d{4,6}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:\+00)?$/.exec(text);
  return match ? `${match[1]}T${match[2]}.${(match[3] ?? '').padEnd(6, '0')}Z` : text;
}

/** Rows leave Postgres JSON-safe: small numbers, booleans and arrays as such, everything else as Postgres' own text. */
export const typeParsers: pg.CustomTypesConfig = {
  getTypeParser(oid: number) {
    switch (oid) {
      case OID.bool:
        return (text: string) => text === 't';
      case OID.int2:
      case OID.int4:
      case OID.float8:
        return Number;
      case OID.timestamp:
      case OID.timestamptz:
        return parseTimestamp;
      case OID.textArray:
      case OID.uuidArray:
        return parseTextArray;
      default:
        return (text: string) => text;
    }
  },
};
