import type { ReactNode } from 'react';
import { PermissionsProvider } from '@/components/permissions';
import { SchemaBanners } from '@/components/shell/banners';
import { Shell } from '@/components/shell/shell';
import { denialsOf, requireCtx } from '@/lib/context/request-context';
import { ConsoleError } from '@/lib/core/errors';
import { cachedBadges } from '@/lib/navigation/queries';
import { redaction } from '@/lib/redaction/redaction';

export default async function ConsoleLayout({ children }: { children: ReactNode }) {
  // The page reports database errors itself; the shell must still render.
  const ctx = await requireCtx().catch((error: unknown) => {
    if (error instanceof ConsoleError) return null;
    throw error;
  });
  const missingOrOutdated = ctx?.consoleSchemaOutdated ? 'outdated' : 'missing';
  return (
    <PermissionsProvider
      denials={ctx ? denialsOf(ctx) : {}}
      bulkRuns={ctx?.bulkRuns ?? false}
      bulkLimit={ctx?.bulkOperatorLimit ?? 0}
      reasonRequired={ctx?.reasonRequired ?? false}
    >
      <Shell badges={ctx && (await cachedBadges(ctx))}>
        {ctx && (
          <SchemaBanners
            schema={ctx.tables.schema}
            consoleSchema={ctx.consoleSchema ? 'current' : missingOrOutdated}
            readOnly={ctx.readOnly}
            redactionOff={redaction().isOff}
          />
        )}
        {children}
      </Shell>
    </PermissionsProvider>
  );
}
