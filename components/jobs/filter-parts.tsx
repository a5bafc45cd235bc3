import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { isJobState } from '@/lib/good-job/types';
import { type FilterPart, filterParts } from '@/lib/jobs/links';
import { AbsoluteTime } from '../time';

/** The conditions of a stored filter, each with the name of its field. */
export function FilterParts({ query }: { query: string }) {
  const parts = filterParts(query);
  if (parts.length === 0) return null;
  return (
    <ul className="mt-1 flex max-w-full flex-wrap gap-1.5">
      {parts.map((part, n) => (
        <li
          key={n}
          className="max-w-full rounded border border-line-strong bg-canvas px-1.5 text-sm any-break"
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
        <Condition name={t('search.fields.state')} isNegated={part.isNegated}>
          {part.states
            .map((state) => (isJobState(state) ? t(`states.${state}`) : state))
            .join(t('search.or'))}
        </Condition>
      );
    case 'failure':
      return (
        <Condition name={t('search.failureGroup')}>
          <span className="font-mono">{part.fingerprint.slice(0, 8)}</span>{' '}
          {t.rich('search.failedSince', { at: () => <AbsoluteTime iso={part.since} /> })}
        </Condition>
      );
    case 'field': {
      const { field, isNegated, text } = part;
      return (
        <Condition
          name={field === 'text' ? t('search.anyText') : t(`search.fields.${field}`)}
          isNegated={isNegated}
        >
          <span className="font-mono">{text}</span>
        </Condition>
      );
    }
    case 'other':
      return (
        <Condition name={part.name}>
          <span className="font-mono">{part.text}</span>
        </Condition>
      );
  }
}

function Condition({
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
