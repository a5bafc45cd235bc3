import { describe, expect, it } from 'vitest';
import { chooseLocale, chooseTimeZone, isTimeZone, utcToZoned, zonedToUtc } from './locale';

describe('chooseLocale', () => {
  const choose = (query: string | null, cookie?: string, acceptLanguage?: string) =>
    chooseLocale({ query, cookie, acceptLanguage, fallback: 'en' });
  it('chooses the locale by query, then cookie, then Accept-Language, then default', () => {
    expect(choose('ja', 'en', 'en')).toBe('ja');
    expect(choose('de', 'ja', 'en')).toBe('ja');
    expect(choose(null, undefined, 'fr, ja;q=0.8, en;q=0.9')).toBe('en');
    expect(choose(null, 'xx', 'ja-JP')).toBe('ja');
    expect(choose(null, undefined, 'ja;q=0')).toBe('en');
    expect(choose(null)).toBe('en');
  });
});

describe('chooseTimeZone', () => {
  const choose = (from: Partial<Parameters<typeof chooseTimeZone>[0]>) =>
    chooseTimeZone({
      choice: undefined,
      configuration: null,
      browser: undefined,
      app: null,
      ...from,
    });
  const all = {
    choice: 'Europe/Berlin',
    configuration: 'America/Lima',
    browser: 'Asia/Tokyo',
    app: 'Asia/Seoul',
  };
  it('chooses the time zone by choice, then TIME_ZONE, then browser, then app', () => {
    expect(choose(all)).toEqual({ zone: 'Europe/Berlin', source: 'choice' });
    expect(choose({ ...all, choice: undefined })).toEqual({
      zone: 'America/Lima',
      source: 'configuration',
    });
    expect(choose({ browser: all.browser, app: all.app })).toEqual({
      zone: 'Asia/Tokyo',
      source: 'browser',
    });
    expect(choose({ app: all.app })).toEqual({ zone: 'Asia/Seoul', source: 'app' });
  });
  it('is UTC if no time zone is valid', () => {
    const unknownZone = 'Mars/Base';
    expect(choose({ choice: unknownZone, browser: '', app: unknownZone })).toEqual({
      zone: 'UTC',
      source: 'none',
    });
  });
});

describe('zonedToUtc, utcToZoned and isTimeZone', () => {
  it('converts a local time to UTC with daylight saving time', () => {
    expect(zonedToUtc('2026-11-23T21:30', 'Asia/Tokyo')).toBe('2026-11-23T12:30:00.000Z');
    expect(zonedToUtc('2026-07-01T12:00', 'Europe/Berlin')).toBe('2026-07-01T10:00:00.000Z');
    expect(zonedToUtc('2026-01-01T12:00', 'Europe/Berlin')).toBe('2026-01-01T11:00:00.000Z');
    expect(zonedToUtc('tomorrow', 'UTC')).toBeNull();
    expect(zonedToUtc('2026-13-01T00:00', 'UTC')).toBeNull();
  });
  it('converts UTC to a local time', () =>
    expect(utcToZoned(Date.parse('2026-11-23T12:30:00Z'), 'Asia/Tokyo')).toBe('2026-11-23T21:30'));
  it('isTimeZone accepts only existing time zones', () => {
    expect(isTimeZone('Asia/Tokyo')).toBe(true);
    expect(isTimeZone('Mars/Base')).toBe(false);
    expect(isTimeZone('a'.repeat(5000))).toBe(false);
  });
});
