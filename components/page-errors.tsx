import { useTranslations } from 'next-intl';
import type { ErrorCode } from '@/lib/core/errors';
import type { NotUnderstood } from '@/lib/core/urls';
import { Link } from './navigation';
import { Banner } from './ui/banner';
import { buttonClass } from './ui/button';

/** Replaces a page whose data could not be loaded. */
export function PageError({ code }: { code: ErrorCode }) {
  const t = useTranslations('errors');
  return (
    <div className="mx-auto max-w-2xl py-10">
      <h1 className="text-xl font-semibold">{t('title')}</h1>
      <div className="mt-3">
        <Banner tone="danger" role="alert">
          {t(code)}
        </Banner>
      </div>
      {/* An empty href reloads this page, also without JavaScript. */}
      <a href="" className={`${buttonClass()} mt-4`}>
        {t('retry')}
      </a>
    </div>
  );
}

/** Replaces a section whose data could not be loaded. */
export function SectionError({ code }: { code: ErrorCode }) {
  const t = useTranslations('errors');
  return (
    <Banner tone="warning" role="alert">
      <strong>{t('partial')}</strong> {t(code)}
    </Banner>
  );
}

interface Problem extends NotUnderstood {
  href?: string;
  explanation?: string;
}

interface InvalidConditionsProps {
  chips: Problem[];
  /**
   * Invalid terms. With JavaScript the search box marks them, so only the reasons are listed here.
   */
  terms?: Problem[];
  /** Link that removes a chip without an `href`. */
  clearHref: string;
}

/** The conditions that could not be parsed, each with a link that removes it. */
export function InvalidConditions({ chips, terms = [], clearHref }: InvalidConditionsProps) {
  const t = useTranslations('filter');
  if (chips.length + terms.length === 0) return null;
  const reasons = [...new Set(terms.flatMap(({ explanation }) => explanation ?? []))];
  return (
    <div className="my-3">
      <Banner tone="warning" role="alert">
        <p>{t('notUnderstoodHint')}</p>
        {reasons.length > 0 && <p className="js-only">{reasons.join(' ')}</p>}
        <Problems problems={chips} clearHref={clearHref} />
        <Problems problems={terms} clearHref={clearHref} className="no-js-only" />
      </Banner>
    </div>
  );
}

function Problems({
  problems,
  clearHref,
  className = '',
}: {
  problems: Problem[];
  clearHref: string;
  className?: string;
}) {
  const t = useTranslations('filter');
  if (problems.length === 0) return null;
  return (
    <ul className={`mt-1.5 flex flex-wrap gap-1.5 ${className}`}>
      {problems.map(({ name, value, href, explanation }) => (
        <li
          key={`${name} ${value}`}
          className="flex max-w-full items-center gap-1.5 rounded border border-line-strong bg-canvas px-2 py-0.5"
        >
          <span className="text-sm any-break">
            <span className="font-mono">
              {name === 'q'
                ? t('notUnderstoodTerm', { value })
                : t('notUnderstood', { name, value })}
            </span>
            {explanation && <span className="text-soft"> {explanation}</span>}
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
  );
}
