'use client';

import { useTranslations } from 'next-intl';
import { useState } from 'react';
import type { RawText } from '@/lib/jobs/types';
import { useHref } from '../application';
import { RawJson, RawTextBlock } from '../raw-json';
import { Button, buttonClass } from '../ui/button';

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
