'use client';

import { useTimeZone, useTranslations } from 'next-intl';
import { type FormEvent, useState } from 'react';
import { utcToZoned, zonedToUtc } from '@/lib/core/locale';
import { useNavigate } from '../navigation';
import { Button, buttonClass } from '../ui/button';
import { useClosePanel } from '../ui/floating';
import { timeTerm } from './query-terms';
import type { SearchProps } from './search-panels';
import { searchHref } from './search-query';

const FIELDS = ['created', 'finished', 'scheduled', 'performed'] as const;
type Field = (typeof FIELDS)[number];
/** The default field for each state, by which the list of that state is sorted. */
const DEFAULT_FIELDS: Partial<Record<string, Field>> = {
  scheduled: 'scheduled',
  retried: 'scheduled',
  queued: 'scheduled',
  running: 'performed',
  succeeded: 'finished',
  discarded: 'finished',
};
const INPUT_CLASS = 'mt-0.5 block control w-full text-sm text-ink';
const SPANS = [
  ['1h', 'hour'],
  ['24h', 'day'],
  ['7d', 'week'],
] as const;

/** Start of the day `daysAgo` days ago in the viewer's zone, in epoch ms. */
function dayStartMs(daysAgo: number, zone: string): number {
  const todayMs = Date.parse(utcToZoned(Date.now(), zone).slice(0, 10));
  const date = new Date(todayMs - daysAgo * 86_400_000).toISOString().slice(0, 10);
  return Date.parse(zonedToUtc(`${date}T00:00`, zone) ?? '');
}

/** Relative ranges, and exact ones in the viewer's zone. */
export default function TimePanel({ path, params, chips }: SearchProps) {
  const t = useTranslations('search.time');
  const fields = useTranslations('search.fields');
  const spans = useTranslations('search.spans');
  const close = useClosePanel();
  const navigate = useNavigate();
  const zone = useTimeZone() ?? 'UTC';
  const [field, setField] = useState<Field>(
    FIELDS.find((name) => chips.some(({ time }) => time === name)) ??
      DEFAULT_FIELDS[params.state ?? ''] ??
      'created',
  );
  const applyTerm = (text: string | null) => {
    const otherChips = chips.filter(({ time }) => time !== field);
    navigate(
      searchHref(path, params, text === null ? otherChips : [...otherChips, { text, param: 'q' }]),
    );
    close();
  };
  const applyDays = (first: number, end: number | null) =>
    applyTerm(
      timeTerm(field, dayStartMs(first, zone), end === null ? null : dayStartMs(end, zone), zone),
    );
  return (
    <div className="flex w-64 max-w-full max-sm:w-auto flex-col gap-3">
      <label className="text-sm text-soft">
        {t('field')}
        <select
          value={field}
          onChange={({ target }) => {
            const option = FIELDS.find((candidate) => candidate === target.value);
            if (option) setField(option);
          }}
          className={INPUT_CLASS}
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
          <Button key={span} onClick={() => applyTerm(`${field}:>${span}`)}>
            {spans(name)}
          </Button>
        ))}
        <Button onClick={() => applyDays(0, null)}>{t('today')}</Button>
        <Button onClick={() => applyDays(1, 0)}>{t('yesterday')}</Button>
      </div>
      <RangeForm
        zone={zone}
        onRange={(fromMs, toMs) => applyTerm(timeTerm(field, fromMs, toMs, zone))}
        onClear={chips.some(({ time }) => time === field) ? () => applyTerm(null) : null}
      />
    </div>
  );
}

/** Two times in the viewer's zone, at least one of them set. */
function RangeForm({
  zone,
  onRange,
  onClear,
}: {
  zone: string;
  onRange: (fromMs: number | null, toMs: number | null) => void;
  onClear: (() => void) | null;
}) {
  const t = useTranslations('search.time');
  const [hasProblem, setHasProblem] = useState(false);
  function setRange(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const instant = (name: string) => {
      const text = String(form.get(name) ?? '');
      return text ? zonedToUtc(text, zone) : null;
    };
    const from = instant('from');
    const to = instant('to');
    if ((!from && !to) || (from && to && from >= to)) return setHasProblem(true);
    onRange(from ? Date.parse(from) : null, to ? Date.parse(to) : null);
  }
  return (
    <form onSubmit={setRange} className="flex flex-col gap-2 border-t border-line pt-2">
      {(['from', 'to'] as const).map((name) => (
        <label key={name} className="text-sm text-soft">
          {t(name, { zone })}
          <input type="datetime-local" step={1} name={name} className={INPUT_CLASS} />
        </label>
      ))}
      {hasProblem && (
        <p role="alert" className="text-sm text-danger">
          {t('bad')}
        </p>
      )}
      <div className="flex flex-wrap gap-2">
        <button type="submit" className={buttonClass('primary')}>
          {t('apply')}
        </button>
        {onClear && (
          <Button kind="quiet" onClick={onClear}>
            {t('clear')}
          </Button>
        )}
      </div>
    </form>
  );
}
