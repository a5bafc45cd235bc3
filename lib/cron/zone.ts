import { RAILS_ZONES } from './rails-zones';

/** The clock of a place, at an instant. `month` is 1 to 12, `weekday` 0 (Sunday) to 6. */
export interface Wall {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  weekday: number;
}

/** Clock changes come at whole quarters of an hour: within one the offset is the same. */
const QUARTER_MS = 900_000;
const DAY_MS = 86_400_000;
/** Offsets remembered a zone. */
const KEPT = 5_000;

/** A time zone as schedules need it. Instants are whole seconds, in ms since the epoch. */
export class Zone {
  private readonly offsets = new Map<number, number>();
  private readonly format: Intl.DateTimeFormat | null;

  constructor(
    /** As the schedule or the configuration has it. */
    readonly name: string,
    private readonly fixed: number | null,
    iana: string,
  ) {
    this.format =
      fixed === null
        ? new Intl.DateTimeFormat('en-US', {
            timeZone: iana,
            hourCycle: 'h23',
            year: 'numeric',
            month: 'numeric',
            day: 'numeric',
            hour: 'numeric',
            minute: 'numeric',
            second: 'numeric',
          })
        : null;
  }

  /** ms east of UTC. */
  offsetAt(instant: number): number {
    if (this.fixed !== null || !this.format) return this.fixed ?? 0;
    const quarter = Math.floor(instant / QUARTER_MS);
    const known = this.offsets.get(quarter);
    if (known !== undefined) return known;
    const parts = this.format.formatToParts(quarter * QUARTER_MS);
    const part = (type: string) => Number(parts.find((one) => one.type === type)?.value);
    const offset =
      Date.UTC(
        part('year'),
        part('month') - 1,
        part('day'),
        part('hour'),
        part('minute'),
        part('second'),
      ) -
      quarter * QUARTER_MS;
    if (this.offsets.size >= KEPT) this.offsets.clear();
    this.offsets.set(quarter, offset);
    return offset;
  }

  wallAt(instant: number): Wall {
    const local = new Date(instant + this.offsetAt(instant));
    return {
      year: local.getUTCFullYear(),
      month: local.getUTCMonth() + 1,
      day: local.getUTCDate(),
      hour: local.getUTCHours(),
      minute: local.getUTCMinutes(),
      second: local.getUTCSeconds(),
      weekday: local.getUTCDay(),
    };
  }

  /** The first instant of a day: midnight, or what the clock jumps to at midnight. `date`: midnight of that day as if in UTC. */
  startOfDay(date: number): number {
    const before = date - this.offsetAt(date - DAY_MS);
    const after = date - this.offsetAt(date + DAY_MS);
    const valid = [before, after].filter((instant) => instant + this.offsetAt(instant) === date);
    return valid.length > 0 ? Math.min(...valid) : before;
  }
}

const zones = new Map<string, Zone | null>();

/** The only names of three capitals in the IANA database: to Intl `JST` or `PST` are zones too, to Ruby they are none. */
const THREE_CAPITALS = [
  'CET',
  'EET',
  'EST',
  'GMT',
  'HST',
  'MET',
  'MST',
  'PRC',
  'ROC',
  'ROK',
  'UCT',
  'UTC',
  'WET',
];

/** A zone that fugit finds at the end of a schedule: an IANA name, or an offset of less than twelve hours. Null: none. */
export function zoneOf(name: string): Zone | null {
  return remembered(name, () => {
    const [, sign, hours, minutes] = /^([+-])([01]?\d|2[0-4]):?([0-5]\d)?$/.exec(name) ?? [];
    if (hours !== undefined)
      return Number(hours) > 11
        ? null
        : new Zone(
            name,
            (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes ?? 0)) * 60_000,
            'UTC',
          );
    return iana(name, name);
  });
}

/** The app's own zone, which counts where a schedule has none: an IANA name, or one of Rails' (`Tokyo`). */
export function appZone(name: string): Zone | null {
  return (
    zoneOf(name) ??
    remembered(`rails ${name}`, () =>
      Object.hasOwn(RAILS_ZONES, name) ? iana(name, RAILS_ZONES[name] ?? name) : null,
    )
  );
}

function iana(name: string, id: string): Zone | null {
  if (/^[A-Z]{3}$/.test(id) && !THREE_CAPITALS.includes(id)) return null;
  try {
    return new Zone(name, null, id);
  } catch {
    return null;
  }
}

function remembered(key: string, make: () => Zone | null): Zone | null {
  const known = zones.get(key);
  if (known !== undefined) return known;
  const zone = make();
  if (zones.size >= 1_000) zones.clear();
  zones.set(key, zone);
  return zone;
}
