'use client';

import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { useHref } from '../application';
import { RawJson } from '../raw-json';
import { buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';

/** An execution's raw JSON, fetched on expanding; without JavaScript, a link to it. */
export function ExecutionRaw({ id }: { id: string }) {
  const t = useTranslations('jobs');
  const href = useHref();
  const [isOpen, setOpen] = useState(false);
  return (
    <div className="mt-1">
      <a href={href(`/api/executions/${id}/raw`)} className="no-js-only text-sm">
        {t('raw')}
      </a>
      <button
        type="button"
        aria-expanded={isOpen}
        aria-label={t(isOpen ? 'hideRaw' : 'showRaw', { id })}
        onClick={() => setOpen(!isOpen)}
        className={`${buttonClass('quiet')} js-only -ml-2`}
      >
        <Icon name={isOpen ? 'fold' : 'unfold'} />
        {t('raw')}
      </button>
      {isOpen && <RawJson path={`/api/executions/${id}/raw`} label={t('raw')} />}
    </div>
  );
}
