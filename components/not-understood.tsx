import Link from 'next/link';
import { useTranslations } from 'next-intl';
import type { NotUnderstood } from '@/lib/filter-params';
import { Banner } from './ui/banner';

/** The conditions that could not be read, each to be removed; why the list is empty. */
export function NotUnderstoodChips({ chips, clearHref }: { chips: NotUnderstood[]; clearHref: string }) {
  const t = useTranslations('filter');
  if (chips.length === 0) return null;
  return (
    <div className="my-3">
      <Banner tone="warning" role="alert">
        <p>{t('notUnderstoodHint')}</p>
        <ul className="mt-1.5 flex flex-wrap gap-1.5">
          {chips.map(({ name, value }) => (
            <li key={name} className="flex max-w-full items-center gap-1.5 rounded border border-line-strong bg-canvas px-2 py-0.5">
              <span className="font-mono text-[13px] break-all">{t('notUnderstood', { name, value })}</span>
              <Link href={clearHref} prefetch={false} aria-label={t('remove', { name })} className="px-1 no-underline">
                ×
              </Link>
            </li>
          ))}
        </ul>
      </Banner>
    </div>
  );
}
