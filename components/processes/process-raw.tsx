import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { useLive } from '../live';
import { RawJson } from '../raw-json';
import { Button, buttonClass } from '../ui/button';
import { JsonBlock } from '../ui/json-block';

/** All that the process tells, as JSON, fetched when it is asked for; `raw` is there when the URL asks (without JavaScript). */
export function ProcessRaw({
  id,
  raw,
  open,
  otherKeys,
}: {
  id: string;
  raw: string | null;
  open: boolean;
  otherKeys: string[];
}) {
  const t = useTranslations('processes');
  const { basePath } = useLive();
  const [shown, setShown] = useState(open);
  if (raw)
    return (
      <div className="mt-2">
        <JsonBlock text={raw} label={t('raw', { id })} />
      </div>
    );
  return (
    <div className="mt-2">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <a
          href={`${basePath}/processes?raw=${id}#process-${id}`}
          className={`${buttonClass()} no-js-only`}
        >
          {t('rawShow')}
        </a>
        <Button
          className="js-only"
          aria-expanded={shown}
          aria-label={t(shown ? 'rawHideOf' : 'rawShowOf', { id })}
          onClick={() => setShown(!shown)}
        >
          {t(shown ? 'rawHide' : 'rawShow')}
        </Button>
        {otherKeys.length > 0 && (
          <span className="text-[13px] any-break text-soft">
            {t('otherKeys', { keys: otherKeys.join(', ') })}
          </span>
        )}
      </div>
      {shown && (
        <div className="mt-2">
          <RawJson path={`/api/processes/${id}/raw`} label={t('raw', { id })} />
        </div>
      )}
    </div>
  );
}
