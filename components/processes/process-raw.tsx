import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { useHref } from '../application';
import { RawJson } from '../raw-json';
import { Button, buttonClass } from '../ui/button';
import { JsonBlock } from '../ui/json-block';

/**
 * The reported state of a process as JSON, fetched on expanding; `raw` is set without JavaScript.
 */
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
  const href = useHref();
  const [isOpen, setOpen] = useState(open);
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
          href={href(`/processes?raw=${id}#process-${id}`)}
          className={`${buttonClass()} no-js-only`}
        >
          {t('rawShow')}
        </a>
        <Button
          className="js-only"
          aria-expanded={isOpen}
          aria-label={t(isOpen ? 'rawHideOf' : 'rawShowOf', { id })}
          onClick={() => setOpen(!isOpen)}
        >
          {t(isOpen ? 'rawHide' : 'rawShow')}
        </Button>
        {otherKeys.length > 0 && (
          <span className="text-sm any-break text-soft">
            {t('otherKeys', { keys: otherKeys.join(', ') })}
          </span>
        )}
      </div>
      {isOpen && (
        <div className="mt-2">
          <RawJson path={`/api/processes/${id}/raw`} label={t('raw', { id })} />
        </div>
      )}
    </div>
  );
}
