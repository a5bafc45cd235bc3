'use client';

import { useTranslations } from 'next-intl';
import type { SortChoice } from '@/lib/jobs/order';
import { useNavigate } from '../navigation';
import { useColumnName } from './job-cells';

const WORDS = { desc: 'newest', asc: 'oldest' } as const;
const NUMBERS = { desc: 'lowest', asc: 'highest' } as const;
const DURATIONS = { desc: 'longest', asc: 'shortest' } as const;

function wordOf({ column, direction }: SortChoice) {
  if (column === 'priority') return NUMBERS[direction];
  return (column === 'wait' || column === 'runtime' ? DURATIONS : WORDS)[direction];
}

/** Sorts the list, also by hidden columns and on phones, where there are no column headers. */
export function SortSelect({ choices }: { choices: SortChoice[] }) {
  const t = useTranslations('sort');
  const name = useColumnName();
  const navigate = useNavigate();
  return (
    <select
      aria-label={t('label')}
      value={choices.find(({ isCurrent }) => isCurrent)?.href ?? ''}
      onChange={(event) => navigate(event.target.value)}
      className="js-only control w-44 max-w-full max-sm:w-32 px-1 py-0.5 text-xs"
    >
      {choices.map((choice) => (
        <option key={choice.href} value={choice.href}>
          {t(wordOf(choice), { column: name(choice.column) })}
        </option>
      ))}
    </select>
  );
}
