'use client';

import { useTranslations } from 'next-intl';
import type { SortChoice } from '@/lib/jobs/order';
import { useNavigate } from '../navigation';
import { useColumnName } from './job-cells';

const WORDS = { desc: 'newest', asc: 'oldest' } as const;
const NUMBERS = { desc: 'lowest', asc: 'highest' } as const;

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
      className="js-only control max-w-full px-1 py-0.5 text-xs"
    >
      {choices.map(({ column, direction, href }) => (
        <option key={href} value={href}>
          {t((column === 'priority' ? NUMBERS : WORDS)[direction], { column: name(column) })}
        </option>
      ))}
    </select>
  );
}
