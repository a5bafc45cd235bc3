'use client';

import { useQuery } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import type { RawText } from '@/lib/jobs/types';
import { CopyButton } from './copy-button';
import { fetchJson } from './fetch-json';
import { useBytes } from './jobs/too-large';
import { useLive } from './live';
import { Button } from './ui/button';
import { JsonBlock } from './ui/json-block';

/** Raw JSON, or its size where it is too large to be shown. */
export function RawTextBlock({ raw, label }: { raw: RawText; label: string }) {
  const t = useTranslations('jobs');
  const bytes = useBytes();
  if ('tooLarge' in raw)
    return (
      <p className="text-soft">
        {t('rawTooLarge', { size: raw.tooLarge === null ? '> 2 MB' : bytes(raw.tooLarge) })}
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

/** Raw JSON that is fetched when it is unfolded. `path` is the polling door, without the base path. */
export function RawJson({ path, label }: { path: string; label: string }) {
  const t = useTranslations();
  const { basePath } = useLive();
  const { data, error, refetch } = useQuery({
    queryKey: [path],
    queryFn: () => fetchJson<string | RawText>(basePath + path),
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
