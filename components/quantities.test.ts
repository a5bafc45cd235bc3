import { NextIntlClientProvider } from 'next-intl';
import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, it } from 'vitest';
import en from '../messages/en.json';
import ja from '../messages/ja.json';
import { useCount, useCountText, useDuration } from './quantities';
import { RelativeTime } from './time';

const NOW = new Date('2026-11-20T10:00:00Z');

function render(locale: 'en' | 'ja', component: () => React.ReactNode): string {
  return renderToStaticMarkup(
    createElement(
      NextIntlClientProvider,
      { locale, messages: { en, ja }[locale], now: NOW, timeZone: 'Asia/Tokyo' } as never,
      createElement(component),
    ),
  );
}

it.each(['en', 'ja'] as const)('prints exact numbers with all digits in %s', (locale) => {
  expect(render(locale, () => useCount()(31_550))).toBe('31,550');
  expect(render(locale, () => useCountText()({ kind: 'at_least', count: 10_000 }).text)).toBe(
    '10,000+',
  );
});

it.each([
  ['en', 31_550, 'about 32k'],
  ['en', 2_913_000, 'about 2.9M'],
  ['ja', 31_550, '約3.2万'],
  ['ja', 2_913_000, '約290万'],
] as const)('rounds estimates in %s: %i', (locale, count, text) => {
  expect(render(locale, () => useCountText()({ kind: 'estimate', count }).text)).toBe(text);
});

it.each([
  ['en', 0.433, '433 ms'],
  ['ja', 0.433, '433 ms'],
  ['en', 31, '31 s'],
  ['ja', 31, '31 秒'],
  ['ja', 20_040, '5時間34分'],
] as const)('prints durations in %s: %d s', (locale, seconds, text) => {
  expect(render(locale, () => useDuration()(seconds))).toBe(text);
});

it.each([
  ['en', '2026-11-20T10:00:00Z', false, 'just now'],
  ['ja', '2026-11-20T10:00:00Z', false, 'たった今'],
  ['ja', '2026-11-20T09:59:57Z', false, '3秒前'],
  ['ja', '2026-11-20T09:59:00.400Z', false, '59秒前'],
  ['ja', '2026-11-20T09:00:20Z', false, '59分前'],
  ['ja', '2026-11-19T10:20:00Z', false, '23時間前'],
  ['ja', '2026-11-20T10:15:00Z', false, '15分後'],
  ['en', '2026-11-20T09:59:57Z', true, 'any moment'],
  ['ja', '2026-11-20T10:00:05Z', true, 'まもなく'],
  ['ja', '2026-11-20T10:15:00Z', true, '15分後'],
] as const)('prints relative times in %s: %s, upcoming %s', (locale, iso, isUpcoming, text) => {
  expect(render(locale, () => createElement(RelativeTime, { iso, isUpcoming }))).toContain(
    `>${text}<`,
  );
});

it('has the absolute time in the title of a relative one, without a tab stop', () => {
  const html = render('ja', () => createElement(RelativeTime, { iso: '2026-11-20T09:59:57Z' }));
  expect(html).toContain('title="2026/11/20 18:59:57 JST"');
  expect(html).not.toContain('tabindex');
});
