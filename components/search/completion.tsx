'use client';

import { useTranslations } from 'next-intl';
import { useEffect } from 'react';
import { SearchOptions } from './search-options';
import type { Typed } from './token-at';
import { type Option, useCompletion } from './use-completion';

interface Props {
  id: string;
  query: string;
  caret: number;
  typed: Typed;
  active: number;
  onChoose: (option: Option) => void;
  /** Told what there is to choose from. */
  onOptions: (options: Option[]) => void;
}

/** What may be meant by what is being typed, below the box. */
export default function Completion({
  id,
  query,
  caret,
  typed,
  active,
  onChoose,
  onOptions,
}: Props) {
  const t = useTranslations('search');
  const options = useCompletion(query, caret, typed);
  const shown = JSON.stringify(options);
  useEffect(() => {
    onOptions(JSON.parse(shown) as Option[]);
    return () => onOptions([]);
  }, [shown, onOptions]);
  return options.length > 0 ? (
    <SearchOptions
      id={id}
      label={t('suggestions')}
      options={options}
      active={active}
      onChoose={onChoose}
    />
  ) : null;
}
