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

const DAY_MS = 86_400_000;

/** The first instant of a day (`2026-11-30`) in a zone, ms; its midnight may come twice, or not at all. */
export function startOfDay(day: string, zone: string): number {
  const wall = Date.parse(`${day}T00:00Z`);
  const before = offsetAt(wall - DAY_MS, zone);
  const starts = [before, offsetAt(wall + DAY_MS, zone)]
    .map((offset) => wall - offset)
    .filter((instant) => instant + offsetAt(instant, zone) === wall);
  return starts.length > 0 ? Math.min(...starts) : wall - before;
}

/** An offset (ms east of UTC) as ISO 8601 has it: `+09:00`, that of UTC `Z`. */
export function offsetText(offset: number): string {
  const minutes = Math.round(offset / 60_000);
  if (minutes === 0) return 'Z';
  const two = (number: number) => String(number).padStart(2, '0');
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** An instant as ISO 8601 with the zone's own offset, to the second: `2026-11-23T21:30+09:00`, in UTC with `Z`. */
export function zonedIso(instant: number, zone: string): string {
  const offset = offsetAt(instant, zone);
  const local = new Date(instant + offset).toISOString().slice(0, 19);
  return local.replace(/:00$/, '') + offsetText(offset);
}

/** Whether the minute of a time has ended at `now`, ms: a form gives times to the minute. */
export function isPastMinute(iso: string, now: number): boolean {
  return Date.parse(iso) + 60_000 <= now;
}

/** The other way: an instant as the value of a `datetime-local` in that zone, to the minute. */
export function utcToZoned(instant: number, zone: string): string {
  return new Date(instant + offsetAt(instant, zone)).toISOString().slice(0, 16);
}
