import { useTranslations } from 'next-intl';
import { buttonClass } from '../ui/button';

const HINTS = { csv: 'csvHint', ndjson: 'ndjsonHint' } as const;

/** Links that export the filtered jobs. `query` is the filter as `jobFilterParams` prints it. */
export function ExportLinks({
  basePath,
  query,
}: {
  basePath: string;
  query: Record<string, string>;
}) {
  const t = useTranslations('export');
  const href = (format: string) =>
    `${basePath}/api/jobs/export?${new URLSearchParams({ ...query, format })}`;
  return (
    <span className="flex items-center gap-1 text-[13px] text-soft">
      {t('label')}
      {(['csv', 'ndjson'] as const).map((format) => (
        <a
          key={format}
          href={href(format)}
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
