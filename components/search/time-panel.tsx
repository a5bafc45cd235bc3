'use client';

import { useRouter } from 'next/navigation';
import { useTimeZone, useTranslations } from 'next-intl';
import { type FormEvent, useState } from 'react';
import { utcToZoned, zonedToUtc } from '@/lib/core/locale';
import { Button, buttonClass } from '../ui/button';
import { useClosePopover } from '../ui/popover';
import { searchHref } from './search-href';
import type { SearchProps } from './time-filter';
import { timeTerm } from './time-term';

const FIELDS = ['created', 'finished', 'scheduled', 'performed'] as const;
type Field = (typeof FIELDS)[number];
/** The time by which a state is looked at; it is that of its list's order, too. */
const TIME_OF: Partial<Record<string, Field>> = {
  scheduled: 'scheduled',
  retried: 'scheduled',
  queued: 'scheduled',
  running: 'performed',
  succeeded: 'finished',
  discarded: 'finished',
};
const SPANS = [
  ['1h', 'hour'],
  ['24h', 'day'],
  ['7d', 'week'],
] as const;

/** Spans before now, and exact bounds in the viewer's zone. */
export default function TimePanel({ path, params, chips }: SearchProps) {
  const t = useTranslations('search.time');
  const fields = useTranslations('search.fields');
  const spans = useTranslations('search.spans');
  const close = useClosePopover();
  const router = useRouter();
  const zone = useTimeZone() ?? 'UTC';
  const [field, setField] = useState<Field>(
    FIELDS.find((name) => chips.some(({ time }) => time === name)) ??
      TIME_OF[params.state ?? ''] ??
      'created',
  );
  const [problem, setProblem] = useState(false);
  const set = (text: string | null) => {
    const others = chips.filter(({ time }) => time !== field);
    router.push(
      searchHref(path, params, text === null ? others : [...others, { text, param: 'q' }]),
    );
    close();
  };
  function setRange(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [from, to] = ['from', 'to'].map((name) =>
      form.get(name) ? zonedToUtc(String(form.get(name)), zone) : null,
    );
    if ((!from && !to) || (from && to && from >= to)) return setProblem(true);
    set(timeTerm(field, from ? Date.parse(from) : null, to ? Date.parse(to) : null, zone));
  }
  /** When a day began in the viewer's zone, today or so many before. */
  const dayStart = (ago: number) => {
    const day = new Date(Date.parse(utcToZoned(Date.now(), zone).slice(0, 10)) - ago * 86_400_000);
    return Date.parse(zonedToUtc(`${day.toISOString().slice(0, 10)}T00:00`, zone) ?? '');
  };
  const input = 'mt-0.5 block control w-full';
  return (
    <div className="flex w-64 max-w-full max-sm:w-auto flex-col gap-3">
      <label className="text-[13px] text-soft">
        {t('field')}
        <select
          value={field}
          onChange={(event) => setField(event.target.value as Field)}
          className={`${input} text-sm text-ink`}
        >
          {FIELDS.map((name) => (
            <option key={name} value={name}>
              {fields(name)}
            </option>
          ))}
        </select>
      </label>
      <div className="flex flex-wrap gap-1.5">
        {SPANS.map(([span, name]) => (
          <Button key={span} onClick={() => set(`${field}:>${span}`)}>
            {spans(name)}
          </Button>
        ))}
        <Button onClick={() => set(timeTerm(field, dayStart(0), null, zone))}>{t('today')}</Button>
        <Button onClick={() => set(timeTerm(field, dayStart(1), dayStart(0), zone))}>
          {t('yesterday')}
        </Button>
      </div>
      <form onSubmit={setRange} className="flex flex-col gap-2 border-t border-line pt-2">
        {(['from', 'to'] as const).map((name) => (
          <label key={name} className="text-[13px] text-soft">
            {t(name, { zone })}
            <input
              type="datetime-local"
              step={1}
              name={name}
              className={`${input} text-sm text-ink`}
            />
          </label>
        ))}
        {problem && (
          <p role="alert" className="text-[13px] text-danger">
            {t('bad')}
          </p>
        )}
        <div className="flex flex-wrap gap-2">
          <button type="submit" className={buttonClass('primary')}>
            {t('apply')}
          </button>
          {chips.some(({ time }) => time === field) && (
            <Button kind="quiet" onClick={() => set(null)}>
              {t('clear')}
            </Button>
          )}
        </div>
      </form>
    </div>
  );
}
