import { useQuery } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { useEffect, useState } from 'react';
import type { Completion } from '@/lib/jobs/suggestions';
import { fetchJson } from '../fetch-json';
import { useLive } from '../live';
import type { Typed } from './token-at';

export interface Option {
  /** What it puts in the place of what was typed. */
  insert: string;
  text: string;
  /** What it means, in the reader's language. */
  meaning?: string;
}

/** In the order in which an operator reaches for them. */
const FIELDS = [
  'state',
  'class',
  'queue',
  'error',
  'label',
  'created',
  'finished',
  'scheduled',
  'performed',
  'attempted',
  'attempt_failed',
  'attempts',
  'priority',
  'args',
  'cron',
  'batch',
  'callback_batch',
  'process',
  'id',
] as const;
const STATES = ['scheduled', 'retried', 'queued', 'running', 'succeeded', 'discarded'] as const;
const TIMES = new Set([
  'created',
  'finished',
  'scheduled',
  'performed',
  'attempted',
  'attempt_failed',
]);
const SPANS = [
  ['>1h', 'hour'],
  ['>24h', 'day'],
  ['>7d', 'week'],
] as const;
const MOST = 12;
/** A pause in typing, ms. */
const PAUSE = 120;

function useDebounced<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), PAUSE);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

/** What may be meant by what is being typed in a query: names and spans that every console knows, values that its database has. */
export function useCompletion(query: string, caret: number, { field, prefix }: Typed): Option[] {
  const t = useTranslations();
  const { basePath } = useLive();
  // A word of one letter begins everything.
  const asks = field === null ? prefix.length > 1 : field !== 'state' && !TIMES.has(field);
  const path = `/api/jobs/completion?${new URLSearchParams({ text: query, at: String(caret) })}`;
  const settled = useDebounced(path);
  const { data } = useQuery({
    queryKey: [settled],
    queryFn: ({ signal }) => fetchJson<Completion>(basePath + settled, signal),
    enabled: asks && settled === path,
    staleTime: 10_000,
    retry: false,
    // What was found for the letters before stays until these are answered.
    placeholderData: (before) => before,
  });
  const typed = prefix.normalize('NFKC').toLowerCase();
  const values = asks
    ? (data?.items ?? [])
        .filter(({ kind }) => kind === 'value')
        .map(({ insert }) => ({ insert: `${insert} `, text: insert }))
    : [];
  if (field === null) {
    const names = FIELDS.map((name) => ({
      name,
      text: name === 'args' ? 'args.' : `${name}:`,
    })).filter(({ text }) => text.startsWith(typed));
    return [
      ...names.map(({ name, text }) => ({
        insert: text,
        text,
        meaning: t(`search.fields.${name}`),
      })),
      ...values,
    ].slice(0, Math.max(MOST, names.length));
  }
  if (field === 'state')
    return STATES.filter((state) => state.startsWith(typed)).map((state) => ({
      insert: `${state} `,
      text: state,
      meaning: t(`states.${state}`),
    }));
  if (TIMES.has(field))
    return SPANS.filter(([span]) => span.startsWith(typed)).map(([span, name]) => ({
      insert: `${span} `,
      text: span,
      meaning: t(`search.spans.${name}`),
    }));
  return values.slice(0, MOST);
}
