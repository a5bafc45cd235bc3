'use client';

import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { useLive } from '../live';
import { RawJson } from '../raw-json';
import { buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';

/** An execution's raw JSON, fetched when it is unfolded; without JavaScript a link to the text itself. */
export function ExecutionRaw({ id }: { id: string }) {
  const t = useTranslations('jobs');
  const { basePath } = useLive();
  const [shown, setShown] = useState(false);
  return (
    <div className="mt-1">
      <a href={`${basePath}/api/executions/${id}/raw`} className="no-js-only text-[13px]">
        {t('raw')}
      </a>
      <button
        type="button"
        aria-expanded={shown}
        aria-label={t(shown ? 'hideRaw' : 'showRaw', { id })}
        onClick={() => setShown(!shown)}
        className={`${buttonClass('quiet')} js-only -ml-2`}
      >
        <Icon name={shown ? 'fold' : 'unfold'} />
        {t('raw')}
      </button>
      {shown && <RawJson path={`/api/executions/${id}/raw`} label={t('raw')} />}
    </div>
  );
}
