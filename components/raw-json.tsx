'use client';

import { useQuery } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { CopyButton } from './copy-button';
import { fetchJson } from './fetch-json';
import { useLive } from './live';
import { Button } from './ui/button';
import { JsonBlock } from './ui/json-block';

/** Raw JSON that is fetched when it is unfolded. `path` is the polling door, without the base path. */
export function RawJson({ path, label }: { path: string; label: string }) {
  const t = useTranslations();
  const { basePath } = useLive();
  const { data, error, refetch } = useQuery({
    queryKey: [path],
    queryFn: () => fetchJson<string>(basePath + path),
    staleTime: 0,
  });
  if (data !== undefined)
    return (
      <div>
        <div className="flex justify-end">
          <CopyButton text={data} label={label} />
        </div>
        <JsonBlock text={data} label={label} />
      </div>
    );
  if (error)
    return (
      <p role="alert" className="flex items-center gap-2 text-danger">
        {t('errors.partial')} <Button onClick={() => void refetch()}>{t('errors.retry')}</Button>
      </p>
    );
  return <p className="text-soft">{t('common.loading')}</p>;
}
