/** SVG paths of 16 px line icons. */
export const ICON_PATHS = {
  scheduled: 'M8 4.5V8l2.5 1.5M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z',
  retried: 'M13 8a5 5 0 1 1-1.5-3.5L13 6m0-3.5V6H9.5',
  queued: 'M3 4h10M3 8h10M3 12h6',
  running: 'M5 3.5v9l7.5-4.5Z',
  succeeded: 'm3 8.5 3.5 3.5L13 4.5',
  discarded: 'm4 4 8 8m0-8-8 8',
  paused: 'M5.5 4v8m5-8v8',
  lost: 'M8 3 14 13H2Zm0 4v2.5m0 1.7v.3',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  unfold: 'm4 6 4 4 4-4',
  fold: 'm4 10 4-4 4 4',
  copy: 'M6 6V3h7v7h-3M3 6h7v7H3Z',
  warning: 'M8 3 14 13H2Zm0 4v2.5m0 1.7v.3',
  info: 'M8 7.5v4M8 5v-.1M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z',
  settings: 'M3 5h6m4 0h0M3 11h2m4 0h4M9 3.5v3M5 9.5v3',
  sort: 'm5 6.5 3-3 3 3m0 3-3 3-3-3',
  search: 'M11.5 7a4.5 4.5 0 1 1-9 0 4.5 4.5 0 0 1 9 0Zm-1.3 3.2L14 14',
  columns: 'M2.5 3.5h11v9h-11Zm4 0v9m3.5-9v9',
  clock: 'M8 4.5V8l2.5 1.5M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z',
  help: 'M6 6.2c0-2.6 4-2.4 4-.1 0 1.5-2 1.6-2 3.2m0 2.2v.3M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z',
  chart: 'M2.5 13.5h11M4 11V8m4 3V3.5m4 7.5V6',
  close: 'm4 4 8 8m0-8-8 8',
} as const;

const SPRITE = Object.entries(ICON_PATHS)
  .map(
    ([name, path]) =>
      `<symbol id="icon-${name}" viewBox="0 0 16 16">` +
      `<path d="${path}" stroke-width="${name === 'more' ? 2.4 : 1.6}"/></symbol>`,
  )
  .join('');

/** Defines all icons once per page; each use is a reference, which keeps pages small. */
export function IconSprite() {
  // eslint-disable-next-line react/no-danger -- made of constants of this file only
  return <svg aria-hidden="true" className="hidden" dangerouslySetInnerHTML={{ __html: SPRITE }} />;
}
