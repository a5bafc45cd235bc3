/** Offset of the zone at that instant, ms east of UTC. */
function offsetAt(instant: number, zone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(instant);
  const part = (type: string) => Number(parts.find((p) => p.type === type)?.value);
  return (
    Date.UTC(
      part('year'),
      part('month') - 1,
      part('day'),
      part('hour'),
      part('minute'),
      part('second'),
    ) -
    Math.floor(instant / 1000) * 1000
  );
}

/**
 * What a form's `datetime-local` (`2026-11-23T21:30`) means in a zone, as ISO 8601 UTC; null when it is no date. A
 * time that a clock change skips is taken with the offset from before it.
 */
export function zonedToUtc(local: string, zone: string): string | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(local)) return null;
  const wall = Date.parse(`${local}Z`);
  if (Number.isNaN(wall)) return null;
  const guess = wall - offsetAt(wall, zone);
  return new Date(wall - offsetAt(guess, zone)).toISOString();
}

/** An instant as ISO 8601 with the zone's own offset, to the second: `2026-11-23T21:30+09:00`, in UTC with `Z`. */
export function zonedIso(instant: number, zone: string): string {
  const offset = offsetAt(instant, zone) / 60_000;
  const local = new Date(instant + offset * 60_000).toISOString().slice(0, 19).replace(/:00$/, '');
  if (offset === 0) return `${local}Z`;
  const part = (minutes: number) => String(Math.floor(minutes)).padStart(2, '0');
  return `${local}${offset < 0 ? '-' : '+'}${part(Math.abs(offset) / 60)}:${part(Math.abs(offset) % 60)}`;
}

/** The other way: an instant as the value of a `datetime-local` in that zone, to the minute. */
export function utcToZoned(instant: number, zone: string): string {
  return new Date(instant + offsetAt(instant, zone)).toISOString().slice(0, 16);
}
