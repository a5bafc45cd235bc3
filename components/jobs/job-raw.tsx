'use client';

import { useTranslations } from 'next-intl';
import { useState } from 'react';
import type { RawText } from '@/lib/jobs/types';
import { useLive } from '../live';
import { RawJson, RawTextBlock } from '../raw-json';
import { Button, buttonClass } from '../ui/button';

/** The job's raw JSON, fetched when it is asked for; `raw` is there when the URL asks (`?raw=1`, without JavaScript). */
export function JobRaw({ id, raw }: { id: string; raw: RawText | null }) {
  const t = useTranslations('jobs');
  const { basePath } = useLive();
  const [shown, setShown] = useState(false);
  if (raw) return <RawTextBlock raw={raw} label={t('raw')} />;
  return (
    <>
      <a href={`${basePath}/jobs/${id}?raw=1#raw`} className={`${buttonClass()} no-js-only`}>
        {t('rawShow')}
      </a>
      <Button className="js-only" aria-expanded={shown} onClick={() => setShown(!shown)}>
        {t(shown ? 'rawHide' : 'rawShow')}
      </Button>
      {shown && (
        <div className="mt-2">
          <RawJson path={`/api/jobs/${id}/raw`} label={t('raw')} />
        </div>
      )}
    </>
  );
}
