import Link from 'next/link';
import { useTranslations } from 'next-intl';
import type { NotUnderstood } from '@/lib/filter-params';
import { Banner } from './ui/banner';

interface Props {
  chips: (NotUnderstood & { href?: string; why?: string })[];
  /** Where a chip's removal leads that has no `href` of its own. */
  clearHref: string;
}

/** The conditions that could not be read, each to be removed; why the list is empty. */
export function NotUnderstoodChips({ chips, clearHref }: Props) {
  const t = useTranslations('filter');
  if (chips.length === 0) return null;
  return (
    <div className="my-3">
      <Banner tone="warning" role="alert">
        <p>{t('notUnderstoodHint')}</p>
        <ul className="mt-1.5 flex flex-wrap gap-1.5">
          {chips.map(({ name, value, href, why }) => (
            <li
              key={`${name} ${value}`}
              className="flex max-w-full items-center gap-1.5 rounded border border-line-strong bg-canvas px-2 py-0.5"
            >
              <span className="text-[13px] any-break">
                <span className="font-mono">{t('notUnderstood', { name, value })}</span>
                {why && <span className="text-soft"> {why}</span>}
              </span>
              <Link
                href={href ?? clearHref}
                prefetch={false}
                aria-label={t('remove', { name })}
                className="px-1 no-underline"
              >
                ×
              </Link>
            </li>
          ))}
        </ul>
      </Banner>
    </div>
  );
}
