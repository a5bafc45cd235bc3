'use client';

import { useQuery } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import type { RawText } from '@/lib/jobs/types';
import { useHref } from './application';
import { CopyButton } from './copy-button';
import { useSizeText } from './jobs/omitted-text';
import { fetchJson } from './requests';
import { Button } from './ui/button';
import { JsonBlock } from './ui/code';

/** Raw JSON, or its size if it is too large. */
export function RawTextBlock({ raw, label }: { raw: RawText; label: string }) {
  const t = useTranslations('jobs');
  const sizeText = useSizeText();
  if ('tooLarge' in raw)
    return (
      <p className="text-soft">
        {t('rawTooLarge', { size: raw.tooLarge === null ? '> 2 MB' : sizeText(raw.tooLarge) })}
      </p>
    );
  return (
    <div>
      <div className="flex justify-end">
        <CopyButton text={raw.text} label={label} />
      </div>
      <JsonBlock text={raw.text} label={label} />
    </div>
  );
}

/** Raw JSON, fetched on render. `path` is the endpoint without the base path. */
export function RawJson({ path, label }: { path: string; label: string }) {
  const t = useTranslations();
  const href = useHref();
  const { data, error, refetch } = useQuery({
    queryKey: [path],
    queryFn: () => fetchJson<string | RawText>(href(path)),
    staleTime: 0,
  });
  if (data !== undefined)
    return <RawTextBlock raw={typeof data === 'string' ? { text: data } : data} label={label} />;
  if (error)
    return (
      <p role="alert" className="flex items-center gap-2 text-danger">
        {t('errors.partial')} <Button onClick={() => void refetch()}>{t('errors.retry')}</Button>
      </p>
    );
  return <p className="text-soft">{t('common.loading')}</p>;
}
