'use client';

import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { CopyButton } from '../copy-button';
import { useLive } from '../live';
import { RawJson } from '../raw-json';
import { Button, buttonClass } from '../ui/button';
import { JsonBlock } from '../ui/json-block';

/** The job's raw JSON, fetched when it is asked for; `raw` is there when the URL asks (`?raw=1`, without JavaScript). */
export function JobRaw({ id, raw }: { id: string; raw: string | null }) {
  const t = useTranslations('jobs');
  const { basePath } = useLive();
  const [shown, setShown] = useState(false);
  if (raw)
    return (
      <>
        <div className="flex justify-end">
          <CopyButton text={raw} label={t('raw')} />
        </div>
        <JsonBlock text={raw} label={t('raw')} />
      </>
    );
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
