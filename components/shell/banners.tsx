import { useTranslations } from 'next-intl';
import { getTranslations } from 'next-intl/server';
import { env } from '@/lib/config/environment';
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

/**
 * A warning on each page while the console needs no sign-in (AUTH_MODE=none and
 * I_KNOW_THIS_IS_OPEN=1).
 */
export async function NoSignInWarning() {
  const { auth } = env();
  if (auth.mode !== 'none' || !auth.isOpen) return null;
  const t = await getTranslations('app');
  return (
    <aside className="bg-alarm px-4 py-1.5 text-center font-medium text-on-alarm">
      {t('open')}
    </aside>
  );
}
