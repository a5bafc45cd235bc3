import { useQuery } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { useEffect, useState } from 'react';
import type { Completion } from '@/lib/jobs/suggestions';
import { useHref } from '../application';
import { fetchJson } from '../fetch-json';
import type { TokenAtCaret } from './token-at';

export interface Option {
  /** The text that replaces the token. */
  insert: string;
  text: string;
  /** Explanation in the viewer's language. */
  meaning?: string;
}

/** Ordered by how often operators need them. */
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
const MAX_OPTIONS = 12;
const DEBOUNCE_MS = 120;

function useDebounced<T>(value: T): T {
  const [debounced, setDebounced] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setDebounced(value), DEBOUNCE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return debounced;
}

/**
 * The completions of the token at the caret: fields, states and spans, and values of the database.
 */
export function useCompletion(
  query: string,
  caret: number,
  { field, prefix }: TokenAtCaret,
): Option[] {
  const t = useTranslations();
  const href = useHref();
  // A word of one letter matches too much to be useful.
  const needsValues = field === null ? prefix.length > 1 : field !== 'state' && !TIMES.has(field);
  const path = `/api/jobs/completion?${new URLSearchParams({ text: query, at: String(caret) })}`;
  const debouncedPath = useDebounced(path);
  const { data } = useQuery({
    queryKey: [debouncedPath],
    queryFn: ({ signal }) => fetchJson<Completion>(href(debouncedPath), signal),
    enabled: needsValues && debouncedPath === path,
    staleTime: 10_000,
    retry: false,
    // Keeps the previous options until the response arrives.
    placeholderData: (previous) => previous,
  });
  const normalizedPrefix = prefix.normalize('NFKC').toLowerCase();
  const values = needsValues
    ? (data?.items ?? [])
        .filter(({ kind }) => kind === 'value')
        .map(({ insert }) => ({ insert: `${insert} `, text: insert }))
    : [];
  if (field === null) {
    const names = FIELDS.map((name) => ({
      name,
      text: name === 'args' ? 'args.' : `${name}:`,
    })).filter(({ text }) => text.startsWith(normalizedPrefix));
    return [
      ...names.map(({ name, text }) => ({
        insert: text,
        text,
        meaning: t(`search.fields.${name}`),
      })),
      ...values,
    ].slice(0, Math.max(MAX_OPTIONS, names.length));
  }
  if (field === 'state')
    return STATES.filter((state) => state.startsWith(normalizedPrefix)).map((state) => ({
      insert: `${state} `,
      text: state,
      meaning: t(`states.${state}`),
    }));
  if (TIMES.has(field))
    return SPANS.filter(([span]) => span.startsWith(normalizedPrefix)).map(([span, name]) => ({
      insert: `${span} `,
      text: span,
      meaning: t(`search.spans.${name}`),
    }));
  return values.slice(0, MAX_OPTIONS);
}
