/*
 * The grammar of fugit's natural language (Fugit::Nat, 1.12), read from left to right without going back into what
 * was taken: a phrase that it does not read is not read here either.
 */

/** A part of a schedule. `hm` holds hours and minutes; `weak` gives way to another part, `strong` does not (at that index, or at all). */
export interface Slot {
  key: 'hm' | 'monthday' | 'weekday' | 'month' | 'second' | 'tz' | 'ignored';
  data0: Data;
  data1: Data;
  weak?: true | 0 | 1;
  strong?: true | 0 | 1;
}
export type Data = string | number | (string | number)[] | null;

const DIGITS = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
const SIXTY = [
  'zero',
  ...DIGITS,
  'ten',
  'eleven',
  'twelve',
  'thirteen',
  'fourteen',
  'fifteen',
  'sixteen',
  'seventeen',
  'eighteen',
  'nineteen',
  ...['twenty', 'thirty', 'forty', 'fifty'].flatMap((ten) => [
    ten,
    ...DIGITS.map((digit) => `${ten}-${digit}`),
  ]),
];
const HOURS = new Map<string, number>([
  ...SIXTY.slice(0, 13).map((name, n) => [name, n] as const),
  ['midnight', 0],
  ['oh', 0],
  ['noon', 12],
]);
const MINUTES = new Map<string, number>([
  ...SIXTY.map((name, n) => [name, n] as const),
  ["o'clock", 0],
  ['hundred', 0],
]);
const ORDINALS = [
  'first',
  'second',
  'third',
  'fourth',
  'fifth',
  'sixth',
  'seventh',
  'eighth',
  'ninth',
  'tenth',
  'eleventh',
  'twelfth',
  'thirteenth',
  'fourteenth',
  'fifteenth',
  'sixteenth',
  'seventeenth',
  'eighteenth',
  'nineteenth',
  'twentieth',
  'twenty-first',
  'twenty-second',
  'twenty-third',
  'twenty-fourth',
  'twenty-fifth',
  'twenty-sixth',
  'twenty-seventh',
  'twenty-eighth',
  'twenty-ninth',
  'thirtieth',
  'thirty-first',
];
const MONTHDAYS = new Map<string, number | string>([
  ['1st', 1],
  ['2nd', 2],
  ['3rd', 3],
  ['21st', 21],
  ['22nd', 22],
  ['23rd', 23],
  ['31st', 31],
  ['last', 'L'],
  ...Array.from({ length: 27 }, (_, n) => [`${n + 4}th`, n + 4] as const),
  ...ORDINALS.map((name, n) => [name, n + 1] as const),
]);
const WEEKDAY_NAMES = [
  'sunday',
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
];

const any = (names: Iterable<string>) => [...names].join('|');
const WEEKDAY = `(?:${any([...WEEKDAY_NAMES, ...WEEKDAY_NAMES.map((name) => name.slice(0, 3))])})(?=$|[-, \\t])`;
const ORDINAL = any(MONTHDAYS.keys());
const AND = '[ \\t]*(?:and|or)[ \\t]+';
const AND_COMMA = '[ \\t]*(?:,[ \\t]*)?(?:(?:and|or)[ \\t]+|,[ \\t]*)';

/** What fugit itself fails on. */
class Unreadable extends Error {}

/** The parts of a phrase in order; null when it is none. */
export function readWords(text: string): Slot[] | null {
  try {
    const reader = new Reader(text);
    const slots = reader.joined(() => reader.part(), '[ \\t]+|[ \\t]*,[ \\t]*');
    return slots && reader.isAtEnd() ? slots.flat() : null;
  } catch (error) {
    if (error instanceof Unreadable) return null;
    throw error;
  }
}

class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  isAtEnd(): boolean {
    return this.at === this.text.length;
  }

  /** Takes what the pattern matches here. Case counts unless `i`. */
  private take(pattern: string, flags: '' | 'i' = 'i'): string | null {
    const regex = new RegExp(pattern, `y${flags}`);
    regex.lastIndex = this.at;
    const found = regex.exec(this.text);
    if (!found) return null;
    this.at += found[0].length;
    return found[0];
  }

  /** All or nothing. */
  private whole<T>(read: () => T | null): T | null {
    const start = this.at;
    const value = read();
    if (value === null) this.at = start;
    return value;
  }

  private first<T>(...reads: (() => T | null)[]): T | null {
    for (const read of reads) {
      const value = this.whole(read);
      if (value !== null) return value;
    }
    return null;
  }

  /** One or more with a separator between them. */
  joined<T>(read: () => T | null, separator: string): T[] | null {
    const all: T[] = [];
    for (;;) {
      const value = this.whole(() =>
        all.length > 0 && this.take(separator) === null ? null : this.whole(read),
      );
      if (value === null) return all.length > 0 ? all : null;
      all.push(value);
    }
  }

  part(): Slot[] | null {
    return this.first<Slot[]>(
      () => this.every(),
      () => this.from(),
      () => this.atTimes(),
      () => this.zone(),
      () => this.on(),
    );
  }

  /** Of several things that it names fugit takes the first. */
  private every(): Slot[] | null {
    if (this.take('[ \\t]*every[ \\t]+') === null) return null;
    const objects = this.joined(() => this.everyObject(), AND);
    return objects?.[0] ?? null;
  }

  private everyObject(): Slot[] | null {
    return this.first<Slot[]>(
      () => {
        const ranges = this.joined(
          () =>
            this.first(
              () => this.weekdayRange(),
              () => this.weekdays(),
            ),
          AND,
        );
        return ranges?.[0] ? [ranges[0]] : null;
      },
      () => {
        const days = this.ordinals();
        const day = days?.[0];
        return day !== undefined && this.take('[ \\t]+of the month') !== null
          ? [slot('monthday', day)]
          : null;
      },
      () => this.interval(),
      () => (this.take('weekday') === null ? null : [{ ...slot('weekday', '1-5'), weak: true }]),
      () => {
        const unit = this.take('(?:1[ \\t]+)?(?:week|year)', '');
        if (unit === null) return null;
        return unit.endsWith('year')
          ? [
              { ...slot('month', 1), weak: true },
              { ...slot('monthday', 1), weak: true },
            ]
          : [{ ...slot('weekday', 0), weak: true }];
      },
    );
  }

  private interval(): Slot[] | null {
    const count = Number(this.take('\\d+') ?? '1');
    const unit = this.take(
      '[ \\t]*(?:seconds?|minutes?|hours?|days?|months?|sec|min|s|m|h|d|M)',
      '',
    )?.trim();
    if (unit === undefined) return null;
    const offset = this.whole(() => {
      if (
        this.take('[ \\t]*(?:starting[ \\t]+at|from)[ \\t]+') === null ||
        this.take('(?:second|minute|hour|day|month)s?[ \\t]+') === null
      )
        return null;
      return this.take('\\d+');
    });
    const every = offset !== null ? `${Number(offset)}/${count}` : count === 1 ? '*' : `*/${count}`;
    if (unit === 'M' || unit.startsWith('mon')) return [slot('month', every)];
    if (unit.startsWith('d')) return [{ ...slot('monthday', every), weak: true }];
    if (unit.startsWith('h')) return [{ ...slot('hm', every, 0), weak: 1 }];
    if (unit.startsWith('m')) return [{ ...slot('hm', '*', every), strong: 1 }];
    return [slot('second', every)];
  }

  private from(): Slot[] | null {
    this.take('[ \\t]*from[ \\t]+');
    return this.joined(
      () =>
        this.first(
          () => this.weekdayRange(),
          () => this.monthdayRange(),
          () => this.hourRange(),
        ),
      AND,
    );
  }

  private atTimes(): Slot[] | null {
    this.take('[ \\t]*at[ \\t]+');
    return this.joined(() => this.time(), AND_COMMA)?.flat() ?? null;
  }

  private time(): Slot[] | null {
    return this.first<Slot[]>(
      () => this.namedHour(),
      () => {
        const [hour, minute] =
          this.take('(?:2[0-4]|[01]?\\d):[0-5]\\d')?.split(':').map(Number) ?? [];
        return hour === undefined || minute === undefined
          ? null
          : [slot('hm', twelveHours(hour, this.half()), minute)];
      },
      () => {
        const hour = this.take(any(Array.from({ length: 25 }, (_, n) => String(24 - n))));
        return hour === null ? null : [slot('hm', twelveHours(Number(hour), this.half()), 0)];
      },
      () => this.joined(() => this.point(), AND),
    );
  }

  private namedHour(): Slot[] | null {
    const name = this.take(any(HOURS.keys()));
    if (name === null) return null;
    this.take('[ \\t]*dark');
    const minute = this.whole(() =>
      this.take('[ \\t]+') === null ? null : this.take(any(MINUTES.keys())),
    );
    const [hour, minutes] = [HOURS.get(name), minute === null ? 0 : MINUTES.get(minute)];
    // Of names in capitals fugit knows that they are names, and no more.
    if (hour === undefined || minutes === undefined) throw new Unreadable();
    return [slot('hm', twelveHours(hour, this.half()), minutes)];
  }

  private half(): string | null {
    return (
      this.take('[ \\t]*(?:am|AM|pm|PM|[Nn]oon|[Mm]idday|[Mm]idnight)', '')?.trim().toLowerCase() ??
      null
    );
  }

  /** `at minute 10 and 40`; hours said like this fugit reads, and forgets. */
  private point(): Slot | null {
    const unit = this.take('(?:minutes?|mins?|seconds?|secs?|hours?|hou|h)[ \\t]+')?.toLowerCase();
    const counts = unit === undefined ? null : this.joined(() => this.take('\\d+'), AND_COMMA);
    if (unit === undefined || counts === null) return null;
    const numbers = counts.map(Number);
    if (unit.startsWith('m')) return { ...slot('hm', '*', numbers), strong: 1 };
    return slot(unit.startsWith('s') ? 'second' : 'ignored', numbers);
  }

  private zone(): Slot[] | null {
    this.take('(?:in|on)[ \\t]+');
    const zone = this.take(
      '[A-Z][a-zA-Z0-9+\\-]+(?:/[A-Z][a-zA-Z0-9+\\-_]+){0,2}|Z|UTC|[-+](?:[01]\\d|2[0-4])(?::?(?:00|15|30|45))?',
      '',
    );
    return zone === null ? null : [slot('tz', zone)];
  }

  private on(): Slot[] | null {
    if (this.take('[ \\t]*on[ \\t]+') === null) return null;
    return this.joined(() => this.onObject(), '[ \\t]*and[ \\t]+')?.flat() ?? null;
  }

  private onObject(): Slot[] | null {
    return this.first<Slot[]>(
      () => {
        const days =
          this.take('[ \\t]*days?[ \\t]+') === null
            ? null
            : this.joined(() => this.take('3[01]|[0-2]?\\d'), AND_COMMA);
        return days && days.map((day) => slot('monthday', Number(day)));
      },
      () => {
        const days = this.weekdays();
        return days && [days];
      },
      () => {
        const minutes =
          this.take('[ \\t]*minute[ \\t]+') === null
            ? null
            : this.joined(
                () => (this.take('[ \\t]*minute[ \\t]+'), this.take('[0-5]?\\d')),
                AND_COMMA,
              );
        return minutes && [{ ...slot('hm', '*', minutes.join(',')), strong: 1 }];
      },
      () => {
        const days = this.joined(
          () => (this.take('[ \\t]*the[ \\t]+') === null ? null : this.ordinals()),
          AND_COMMA,
        );
        return days && days.flat().map((day) => slot('monthday', day));
      },
      () => {
        const unit = this.take('[ \\t]*the[ \\t]+(?:hour|minute)[ \\t]*')?.toLowerCase();
        if (unit === undefined) return null;
        return unit.includes('hour')
          ? [{ ...slot('hm', 0, '*'), strong: 0 }]
          : [{ ...slot('hm', '*', '*'), strong: 1 }];
      },
    );
  }

  private ordinal(): string | number | null {
    const name = this.take(ORDINAL);
    return name === null ? null : (MONTHDAYS.get(name.toLowerCase()) ?? null);
  }

  private ordinals(): (string | number)[] | null {
    return this.joined(() => this.ordinal(), AND_COMMA);
  }

  private weekday(): number | null {
    const name = this.take(WEEKDAY);
    return name === null
      ? null
      : WEEKDAY_NAMES.findIndex((day) => day.startsWith(name.slice(0, 3).toLowerCase()));
  }

  private weekdays(): Slot | null {
    const days = this.joined(() => this.weekday(), AND_COMMA);
    return days && slot('weekday', days);
  }

  private weekdayRange(): Slot | null {
    const from = this.weekday();
    const to =
      from === null || this.take('[ \\t]*-[ \\t]*|[ \\t]+(?:to|through)[ \\t]+') === null
        ? null
        : this.weekday();
    return to === null ? null : slot('weekday', `${from}-${to}`);
  }

  private monthdayRange(): Slot | null {
    this.take('[ \\t]*the[ \\t]+');
    const from = this.ordinal();
    if (from === null || this.take('[ \\t]*to[ \\t]+') === null) return null;
    this.take('[ \\t]*the[ \\t]+');
    const to = this.ordinal();
    return to === null ? null : slot('monthday', `${from}-${to}`);
  }

  private hourRange(): Slot | null {
    const from = this.time();
    const to = from === null || this.take('[ \\t]*to[ \\t]+') === null ? null : this.time();
    const [first, last] = [from?.[0], to?.[0]];
    if (!first || !last) return null;
    if (first.key !== 'hm' || last.key !== 'hm' || String(first.data1) !== String(last.data1))
      throw new Unreadable();
    return { ...slot('hm', `${String(first.data0)}-${String(last.data0)}`, 0), strong: 0 };
  }
}

function slot(key: Slot['key'], data0: Data, data1: Data = null): Slot {
  return { key, data0, data1 };
}

/** Noon and midnight as on a clock of twelve hours. */
function twelveHours(hour: number, half: string | null): number {
  if (half === 'midnight' && hour === 12) return 24;
  if (half === 'pm' && hour < 12) return hour + 12;
  return half === 'am' && hour === 12 ? 0 : hour;
}
