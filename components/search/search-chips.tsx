'use client';

import { useTranslations } from 'next-intl';
import type { KeyboardEvent } from 'react';
import { Icon } from '../ui/icon';
import type { ChipTerm } from './query-terms';

interface Props {
  chips: ChipTerm[];
  onEdit: (n: number) => void;
  onRemove: (n: number) => void;
  /** Moves focus from the last chip to the text. */
  onLeave: () => void;
}

/** The conditions of the search as editable chips; the arrow keys move between them. */
export function SearchChips({ chips, onEdit, onRemove, onLeave }: Props) {
  const t = useTranslations('search');
  function onKeyDown(event: KeyboardEvent<HTMLButtonElement>, n: number) {
    const list = event.currentTarget.closest('ul');
    const focusChip = (to: number) =>
      to >= chips.length
        ? onLeave()
        : list?.querySelectorAll<HTMLElement>('[data-chip]')[Math.max(0, to)]?.focus();
    if (event.key === 'Delete' || event.key === 'Backspace') onRemove(n);
    else if (event.key === 'ArrowLeft') focusChip(n - 1);
    else if (event.key === 'ArrowRight') focusChip(n + 1);
    else return;
    event.preventDefault();
  }
  return (
    <ul aria-label={t('conditions')} className="contents">
      {chips.map((chip, n) => (
        <li
          key={`${n} ${chip.text}`}
          className={
            'flex max-w-full items-center rounded border ' +
            (chip.problem ? 'border-danger bg-danger-wash text-danger' : 'border-line bg-sunken')
          }
        >
          <button
            type="button"
            data-chip=""
            onClick={() => onEdit(n)}
            onKeyDown={(event) => onKeyDown(event, n)}
            title={chip.problem ? t(`problems.${chip.problem}`) : t('edit')}
            className="min-h-[24px] min-w-[24px] cursor-text px-1.5 py-0.5 text-left font-mono text-sm any-break"
          >
            {chip.problem && (
              <>
                <Icon name="warning" className="mr-1 size-3.5 align-[-2px]" />
                <span className="sr-only">{t('notUnderstood')} </span>
              </>
            )}
            {chip.text}
          </button>
          <button
            type="button"
            onClick={() => onRemove(n)}
            aria-label={t('remove', { term: chip.text })}
            className={
              'flex min-h-[24px] min-w-[24px] cursor-pointer items-center justify-center rounded-r ' +
              'text-soft hover:text-ink'
            }
          >
            <Icon name="close" className="size-3" />
          </button>
        </li>
      ))}
    </ul>
  );
}
