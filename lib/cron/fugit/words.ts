/*
 * The grammar of fugit's natural language (`Fugit::Nat`, 1.12). The parser never backtracks into
 * text that a rule consumed, so it also rejects the phrases that fugit rejects.
 */

/** A part of a schedule, as in `Fugit::Nat::Parser`. */
export interface Slot {
  key: 'hm' | 'monthday' | 'weekday' | 'month' | 'second' | 'tz' | 'ignored';
  /** The hours of `hm`, else the values. */
  data0: SlotValue;
  /** The minutes of `hm`. */
  data1: SlotValue;
  /** Set if another slot overrides this one: in data0 (0), in data1 (1), or in both (true). */
  weak?: true | 0 | 1;
  /** Set if this slot overrides another one: in data0 (0), in data1 (1), or in both (true). */
  strong?: true | 0 | 1;
}
export type SlotValue = string | number | (string | number)[] | null;

const DIGITS = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
const TEENS =
  'ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(' ');
/** From `zero` to `fifty-nine`. */
const SIXTY = [
  'zero',
  ...DIGITS,
  ...TEENS,
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
const ORDINAL_DIGITS = 'first second third fourth fifth sixth seventh eighth ninth'.split(' ');
/** From `first` to `thirty-first`. */
const ORDINALS = [
  ...ORDINAL_DIGITS,
  'tenth',
  'eleventh',
  'twelfth',
  ...TEENS.slice(3).map((teen) => `${teen}th`),
  'twentieth',
  ...ORDINAL_DIGITS.map((digit) => `twenty-${digit}`),
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
const WEEKDAY_NAMES = 'sunday monday tuesday wednesday thursday friday saturday'.split(' ');

const alternation = (names: Iterable<string>) => [...names].join('|');
const ANY_WEEKDAY_NAME = alternation([
  ...WEEKDAY_NAMES,
  ...WEEKDAY_NAMES.map((name) => name.slice(0, 3)),
]);
const WEEKDAY = `(?:${ANY_WEEKDAY_NAME})(?=$|[-, \\t])`;
const ORDINAL = alternation(MONTHDAYS.keys());
const AND = '[ \\t]*(?:and|or)[ \\t]+';
const AND_COMMA = '[ \\t]*(?:,[ \\t]*)?(?:(?:and|or)[ \\t]+|,[ \\t]*)';

/** fugit matches the phrase but then fails to convert it. */
class InvalidPhrase extends Error {}

/** Parses a phrase into its slots, in order; null: the grammar does not match all of it. */
export function parseWords(text: string): Slot[] | null {
  try {
    const parser = new Parser(text);
    const slots = parser.list(() => parser.part(), '[ \\t]+|[ \\t]*,[ \\t]*');
    return slots && parser.isAtEnd() ? slots.flat() : null;
  } catch (error) {
    if (error instanceof InvalidPhrase) return null;
    throw error;
  }
}

/**
 * Each rule returns null, with the position unchanged or reset by its caller, if it does not match.
 */
class Parser {
  private position = 0;

  constructor(private readonly text: string) {}

  isAtEnd(): boolean {
    return this.position === this.text.length;
  }

  /** Consumes a match of the pattern at the current position; null: it does not match. */
  private take(pattern: string, flags: '' | 'i' = 'i'): string | null {
    const regex = new RegExp(pattern, `y${flags}`);
    regex.lastIndex = this.position;
    const match = regex.exec(this.text);
    if (!match) return null;
    this.position += match[0].length;
    return match[0];
  }

  /** Resets the position if the rule does not match. */
  private attempt<T>(rule: () => T | null): T | null {
    const start = this.position;
    const value = rule();
    if (value === null) this.position = start;
    return value;
  }

  private firstOf<T>(...rules: (() => T | null)[]): T | null {
    for (const rule of rules) {
      const value = this.attempt(rule);
      if (value !== null) return value;
    }
    return null;
  }

  /** One or more matches of the rule with separators between them. */
  list<T>(rule: () => T | null, separator: string): T[] | null {
    const values: T[] = [];
    for (;;) {
      const value = this.attempt(() =>
        values.length > 0 && this.take(separator) === null ? null : this.attempt(rule),
      );
      if (value === null) return values.length > 0 ? values : null;
      values.push(value);
    }
  }

  part(): Slot[] | null {
    return this.firstOf<Slot[]>(
      () => this.every(),
      () => this.from(),
      () => this.atTimes(),
      () => this.zone(),
      () => this.on(),
    );
  }

  /** Of several objects (`every monday and 2 hours`), fugit uses only the first. */
  private every(): Slot[] | null {
    if (this.take('[ \\t]*every[ \\t]+') === null) return null;
    const objects = this.list(() => this.everyObject(), AND);
    return objects?.[0] ?? null;
  }

  private everyObject(): Slot[] | null {
    return this.firstOf<Slot[]>(
      () => {
        const ranges = this.list(
          () =>
            this.firstOf(
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
    const offset = this.attempt(() => {
      if (
        this.take('[ \\t]*(?:starting[ \\t]+at|from)[ \\t]+') === null ||
        this.take('(?:second|minute|hour|day|month)s?[ \\t]+') === null
      )
        return null;
      return this.take('\\d+');
    });
    let field = count === 1 ? '*' : `*/${count}`;
    if (offset !== null) field = `${Number(offset)}/${count}`;
    if (unit === 'M' || unit.startsWith('mon')) return [slot('month', field)];
    if (unit.startsWith('d')) return [{ ...slot('monthday', field), weak: true }];
    if (unit.startsWith('h')) return [{ ...slot('hm', field, 0), weak: 1 }];
    if (unit.startsWith('m')) return [{ ...slot('hm', '*', field), strong: 1 }];
    return [slot('second', field)];
  }

  private from(): Slot[] | null {
    this.take('[ \\t]*from[ \\t]+');
    return this.list(
      () =>
        this.firstOf(
          () => this.weekdayRange(),
          () => this.monthdayRange(),
          () => this.hourRange(),
        ),
      AND,
    );
  }

  private atTimes(): Slot[] | null {
    this.take('[ \\t]*at[ \\t]+');
    return this.list(() => this.time(), AND_COMMA)?.flat() ?? null;
  }

  private time(): Slot[] | null {
    return this.firstOf<Slot[]>(
      () => this.namedHour(),
      () => {
        const [hour, minute] =
          this.take('(?:2[0-4]|[01]?\\d):[0-5]\\d')?.split(':').map(Number) ?? [];
        return hour === undefined || minute === undefined
          ? null
          : [slot('hm', to24Hours(hour, this.meridiem()), minute)];
      },
      () => {
        const hour = this.take(alternation(Array.from({ length: 25 }, (_, n) => String(24 - n))));
        return hour === null ? null : [slot('hm', to24Hours(Number(hour), this.meridiem()), 0)];
      },
      () => this.list(() => this.point(), AND),
    );
  }

  private namedHour(): Slot[] | null {
    const name = this.take(alternation(HOURS.keys()));
    if (name === null) return null;
    this.take('[ \\t]*dark');
    const minute = this.attempt(() =>
      this.take('[ \\t]+') === null ? null : this.take(alternation(MINUTES.keys())),
    );
    const hour = HOURS.get(name);
    const minutes = minute === null ? 0 : MINUTES.get(minute);
    // fugit's grammar ignores the case of names, but its lookup fails for capitals (`NOON`).
    if (hour === undefined || minutes === undefined) throw new InvalidPhrase();
    return [slot('hm', to24Hours(hour, this.meridiem()), minutes)];
  }

  private meridiem(): string | null {
    return (
      this.take('[ \\t]*(?:am|AM|pm|PM|[Nn]oon|[Mm]idday|[Mm]idnight)', '')?.trim().toLowerCase() ??
      null
    );
  }

  /** `at minute 10 and 40`. fugit accepts `at hour 5` too, but ignores it. */
  private point(): Slot | null {
    const unit = this.take('(?:minutes?|mins?|seconds?|secs?|hours?|hou|h)[ \\t]+')?.toLowerCase();
    const counts = unit === undefined ? null : this.list(() => this.take('\\d+'), AND_COMMA);
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
    return this.list(() => this.onObject(), '[ \\t]*and[ \\t]+')?.flat() ?? null;
  }

  private onObject(): Slot[] | null {
    return this.firstOf<Slot[]>(
      () => {
        const days =
          this.take('[ \\t]*days?[ \\t]+') === null
            ? null
            : this.list(() => this.take('3[01]|[0-2]?\\d'), AND_COMMA);
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
            : this.list(() => this.minute(), AND_COMMA);
        return minutes && [{ ...slot('hm', '*', minutes.join(',')), strong: 1 }];
      },
      () => {
        const days = this.list(
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

  /** `10` or `minute 10`. */
  private minute(): string | null {
    this.take('[ \\t]*minute[ \\t]+');
    return this.take('[0-5]?\\d');
  }

  private ordinal(): string | number | null {
    const name = this.take(ORDINAL);
    return name === null ? null : (MONTHDAYS.get(name.toLowerCase()) ?? null);
  }

  private ordinals(): (string | number)[] | null {
    return this.list(() => this.ordinal(), AND_COMMA);
  }

  private weekday(): number | null {
    const name = this.take(WEEKDAY);
    return name === null
      ? null
      : WEEKDAY_NAMES.findIndex((day) => day.startsWith(name.slice(0, 3).toLowerCase()));
  }

  private weekdays(): Slot | null {
    const days = this.list(() => this.weekday(), AND_COMMA);
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
    const first = from?.[0];
    const last = to?.[0];
    if (!first || !last) return null;
    if (first.key !== 'hm' || last.key !== 'hm' || String(first.data1) !== String(last.data1))
      throw new InvalidPhrase();
    return { ...slot('hm', `${String(first.data0)}-${String(last.data0)}`, 0), strong: 0 };
  }
}

function slot(key: Slot['key'], data0: SlotValue, data1: SlotValue = null): Slot {
  return { key, data0, data1 };
}

/** fugit maps `12 midnight` to 24, not to 0. */
function to24Hours(hour: number, meridiem: string | null): number {
  if (meridiem === 'midnight' && hour === 12) return 24;
  if (meridiem === 'pm' && hour < 12) return hour + 12;
  return meridiem === 'am' && hour === 12 ? 0 : hour;
}
