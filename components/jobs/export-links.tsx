import { useTranslations } from 'next-intl';
import { currentApplication } from '@/lib/context/request-context';
import { href } from '@/lib/core/href';
import { buttonClass } from '../ui/button';

const HINTS = { csv: 'csvHint', ndjson: 'ndjsonHint' } as const;

/** Links that export the filtered jobs. `query` is the filter as `jobFilterParams` prints it. */
export function ExportLinks({ query }: { query: Record<string, string> }) {
  const t = useTranslations('export');
  const urlOf = (format: string) =>
    href(currentApplication(), `/api/jobs/export?${new URLSearchParams({ ...query, format })}`);
  return (
    <span className="flex items-center gap-1 text-sm text-soft">
      {t('label')}
      {(['csv', 'ndjson'] as const).map((format) => (
        <a
          key={format}
          href={urlOf(format)}
          download
          className={buttonClass('quiet')}
          title={t(HINTS[format])}
        >
          {format === 'csv' ? 'CSV' : 'NDJSON'}
        </a>
      ))}
    </span>
  );
}
