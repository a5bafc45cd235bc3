import { useTranslations } from 'next-intl';
import type { DetectedSchema } from '@/lib/good-job/tables';
import { Banner } from '../ui/banner';

const renderCode = (chunks: React.ReactNode) => <code className="font-mono text-sm">{chunks}</code>;

/** A banner with the remedy for each problem of the tables, the grants or the console's schema. */
export function SchemaBanners({
  schema,
  consoleSchema,
  readOnly,
  redactionOff,
}: {
  schema: DetectedSchema;
  consoleSchema: 'current' | 'outdated' | 'missing';
  readOnly: boolean;
  redactionOff: boolean;
}) {
  const t = useTranslations('banners');
  const { missingMigrations, tablesWithoutWrite } = schema;
  if (
    !redactionOff &&
    missingMigrations.length === 0 &&
    tablesWithoutWrite.length === 0 &&
    consoleSchema === 'current' &&
    !readOnly
  )
    return null;
  return (
    <div className="mb-4 flex flex-col gap-2">
      {redactionOff && <Banner tone="danger">{t('redactionOff')}</Banner>}
      {tablesWithoutWrite.length > 0 && (
        <Banner tone="warning">
          {t.rich('noWrite', {
            code: renderCode,
            role: schema.role,
            tables: tablesWithoutWrite.join(', '),
          })}
        </Banner>
      )}
      {readOnly && tablesWithoutWrite.length === 0 && (
        <Banner tone="info">{t(schema.isStandby ? 'standby' : 'readOnly')}</Banner>
      )}
      {missingMigrations.length > 0 && (
        <Banner tone="warning">
          {t.rich('migrations', { code: renderCode, count: missingMigrations.length })}
          <details className="mt-1">
            <summary>{t('migrationDetails')}</summary>
            <ul className="mt-1 list-disc pl-5">
              {missingMigrations.map(({ migration, since, missing }) => (
                <li key={migration}>
                  {t.rich('migrationRow', { code: renderCode, migration, since, missing })}
                </li>
              ))}
            </ul>
          </details>
        </Banner>
      )}
      {consoleSchema === 'outdated' && !readOnly && (
        <Banner tone="warning">{t('outdatedConsoleSchema')}</Banner>
      )}
      {consoleSchema === 'missing' && !readOnly && (
        <Banner tone="info">{t('noConsoleSchema')}</Banner>
      )}
    </div>
  );
}
