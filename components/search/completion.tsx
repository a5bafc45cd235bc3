'use client';

import { useTranslations } from 'next-intl';
import { type RefObject, useEffect, useEffectEvent } from 'react';
import { SearchOptions } from './search-options';
import type { TokenAtCaret } from './token-at';
import { type Option, useCompletion } from './use-completion';

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
