import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { type JobFilter, VALUE_PARAMS, jobFilterParams } from '@/lib/jobs/filters';

/** The conditions that hold besides the state, each to be removed. */
export function FilterChips({ filter, path }: { filter: JobFilter; path: string }) {
  const t = useTranslations('filter');
  const names = VALUE_PARAMS.filter((name) => filter.values[name]);
  if (names.length === 0) return null;
  const without = (name: string) => {
    const values = Object.fromEntries(Object.entries(filter.values).filter(([key]) => key !== name));
    return `${path}?${new URLSearchParams(jobFilterParams({ ...filter, values }))}`;
  };
  return (
    <ul aria-label={t('label')} className="mb-3 flex flex-wrap gap-1.5">
      {names.map((name) => (
        <li key={name} className="flex max-w-full items-center gap-1.5 rounded border border-line-strong bg-sunken px-2 py-0.5">
          <span className="text-[13px] any-break">
            <span className="text-soft">{t(`names.${name}`)}</span> <span className="font-mono">{filter.values[name]}</span>
          </span>
          <Link href={without(name)} prefetch={false} aria-label={t('remove', { name: t(`names.${name}`) })} className="px-1 no-underline">
            ×
          </Link>
        </li>
      ))}
    </ul>
  );
}
