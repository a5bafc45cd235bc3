'use client';

import { useTranslations } from 'next-intl';
import { useState } from 'react';
import type { RawText } from '@/lib/jobs/types';
import { useHref } from '../application';
import { RawJson, RawTextBlock } from '../raw-json';
import { Button, buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';

/** The job's raw JSON, fetched on expanding; `raw` is set for `?raw=1` (without JavaScript). */
export function JobRaw({ id, raw }: { id: string; raw: RawText | null }) {
  const t = useTranslations('jobs');
  const href = useHref();
  const [isOpen, setOpen] = useState(false);
  if (raw) return <RawTextBlock raw={raw} label={t('raw')} />;
  return (
    <>
      <a href={href(`/jobs/${id}?raw=1#raw`)} className={`${buttonClass()} no-js-only`}>
        {t('rawShow')}
      </a>
      <Button className="js-only" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {t(isOpen ? 'rawHide' : 'rawShow')}
      </Button>
      {isOpen && (
        <div className="mt-2">
          <RawJson path={`/api/jobs/${id}/raw`} label={t('raw')} />
        </div>
      )}
    </>
  );
}

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
