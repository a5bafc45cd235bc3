import type { ReactNode } from 'react';
import { PermissionsProvider } from '@/components/permissions';
import { SchemaBanners } from '@/components/shell/schema-banners';
import { Shell } from '@/components/shell/shell';
import { denialsOf, requireCtx } from '@/lib/context/request-context';
import { ConsoleError } from '@/lib/core/errors';
import { lastBadges } from '@/lib/navigation/counts';
import { redaction } from '@/lib/redaction/redaction';

export default async function ConsoleLayout({ children }: { children: ReactNode }) {
  // The page itself says what is wrong with the database; the shell around it must stand all the same.
  const ctx = await requireCtx().catch((error: unknown) => {
    if (error instanceof ConsoleError) return null;
    throw error;
  });
  return (
    <PermissionsProvider
      denials={ctx ? denialsOf(ctx) : {}}
      bulkRuns={ctx?.bulkRuns ?? false}
      bulkLimit={ctx?.bulkOperatorLimit ?? 0}
      reasonRequired={ctx?.reasonRequired ?? false}
    >
      <Shell badges={ctx && (await lastBadges(ctx))}>
        {ctx && (
          <SchemaBanners
            schema={ctx.tables.schema}
            consoleSchema={
              ctx.consoleSchema ? 'current' : ctx.consoleSchemaOutdated ? 'outdated' : 'missing'
            }
            readOnly={ctx.readOnly}
            redactionOff={redaction().off}
          />
        )}
        {children}
      </Shell>
    </PermissionsProvider>
  );
}
