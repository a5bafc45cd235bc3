'use client';

import { useQuery } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { type RefObject, useEffect, useEffectEvent, useState } from 'react';
import type { Completion as Suggestion } from '@/lib/jobs/suggestions';
import { useHref } from '../application';
import { fetchJson } from '../requests';
import { Floating } from '../ui/floating';
import type { TokenAtCaret } from './search-query';

export interface Option {
  /** The text that replaces the token. */
  insert: string;
  text: string;
  /** Explanation in the viewer's language. */
  meaning?: string;
}

interface Props {
  id: string;
  query: string;
  caret: number;
  token: TokenAtCaret;
  active: number;
  /** The search box. */
  anchor: RefObject<HTMLElement | null>;
  onChoose: (option: Option) => void;
  /** Called with the current options. */
  onOptions: (options: Option[]) => void;
}

/** The completions of the token at the caret, below the search box. */
export default function Completion({
  id,
  query,
  caret,
  token,
  active,
  anchor,
  onChoose,
  onOptions,
}: Props) {
  const t = useTranslations('search');
  const options = useCompletion(query, caret, token);
  // `options` is a new array on every render, so its contents decide whether it changed.
  const optionsJson = JSON.stringify(options);
  const publishOptions = useEffectEvent(() => onOptions(options));
  useEffect(() => {
    publishOptions();
    return () => onOptions([]);
  }, [optionsJson, onOptions]);
  return options.length > 0 ? (
    <SearchOptions
      id={id}
      label={t('suggestions')}
      options={options}
      active={active}
      anchor={anchor}
      onChoose={onChoose}
    />
  ) : null;
}

/** The completions as a listbox; the search box handles its keys. */
function SearchOptions({
  id,
  label,
  options,
  active,
  anchor,
  onChoose,
}: {
  id: string;
  label: string;
  options: Option[];
  active: number;
  /** The search box. */
  anchor: RefObject<HTMLElement | null>;
  onChoose: (option: Option) => void;
}) {
  return (
    <Floating
      anchor={anchor}
      placement="bottom-start"
      className="max-h-72 min-w-56 overflow-y-auto p-1"
    >
      <ul id={id} role="listbox" aria-label={label}>
        {options.map((option, n) => (
          <li
            key={option.text}
            id={`${id}-${n}`}
            role="option"
            aria-selected={n === active}
            // On pointer down, because a click would first blur the search box.
            onPointerDown={(event) => {
              event.preventDefault();
              onChoose(option);
            }}
            className={
              'flex cursor-pointer items-baseline justify-between gap-6 rounded px-2 py-1 ' +
              (n === active ? 'bg-accent-wash' : 'hover:bg-sunken')
            }
          >
            <span className="font-mono text-sm any-break">{option.text}</span>
            {option.meaning && (
              <span className="text-sm whitespace-nowrap text-soft">{option.meaning}</span>
            )}
          </li>
        ))}
      </ul>
    </Floating>
  );
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
function useCompletion(query: string, caret: number, { field, prefix }: TokenAtCaret): Option[] {
  const t = useTranslations();
  const href = useHref();
  // A word of one letter matches too much to be useful.
  const needsValues = field === null ? prefix.length > 1 : field !== 'state' && !TIMES.has(field);
  const path = `/api/jobs/completion?${new URLSearchParams({ text: query, at: String(caret) })}`;
  const debouncedPath = useDebounced(path);
  const { data } = useQuery({
    queryKey: [debouncedPath],
    queryFn: ({ signal }) => fetchJson<Suggestion>(href(debouncedPath), signal),
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
