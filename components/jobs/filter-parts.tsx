import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { isJobState } from '@/lib/good-job/states';
import { type FilterPart, filterParts } from '@/lib/jobs/links';
import { AbsoluteTime } from '../absolute-time';

/** The conditions of a stored filter, each with the name of what it compares. */
export function FilterParts({ query }: { query: string }) {
  const parts = filterParts(query);
  if (parts.length === 0) return null;
  return (
    <ul className="mt-1 flex max-w-full flex-wrap gap-1.5">
      {parts.map((part, n) => (
        <li
          key={n}
          className="max-w-full rounded border border-line-strong bg-canvas px-1.5 text-[13px] any-break"
        >
          <Part part={part} />
        </li>
      ))}
    </ul>
  );
}

function Part({ part }: { part: FilterPart }) {
  const t = useTranslations();
  switch (part.kind) {
    case 'states':
      return (
        <Named name={t('search.fields.state')} isNegated={part.isNegated}>
          {part.states
            .map((state) => (isJobState(state) ? t(`states.${state}`) : state))
            .join(t('search.or'))}
        </Named>
      );
    case 'failure':
      return (
        <Named name={t('search.failureGroup')}>
          <span className="font-mono">{part.fingerprint.slice(0, 8)}</span>{' '}
          {t.rich('search.failedSince', { at: () => <AbsoluteTime iso={part.since} /> })}
        </Named>
      );
    case 'field': {
      const { field, isNegated, text } = part;
      return (
        <Named
          name={field === 'text' ? t('search.anyText') : t(`search.fields.${field}`)}
          isNegated={isNegated}
        >
          <span className="font-mono">{text}</span>
        </Named>
      );
    }
    case 'other':
      return (
        <Named name={part.name}>
          <span className="font-mono">{part.text}</span>
        </Named>
      );
  }
}

function Named({
  name,
  isNegated = false,
  children,
}: {
  name: string;
  isNegated?: boolean;
  children: ReactNode;
}) {
  const t = useTranslations('search');
  return (
    <>
      <span className="text-soft">{name}</span>{' '}
      {isNegated ? t.rich('negated', { value: () => children }) : children}
    </>
  );
}
