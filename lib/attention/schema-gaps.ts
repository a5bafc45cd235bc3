import 'server-only';
import { type Found, type Look, countUpTo } from './look';
import type { SchemaGap } from './types';

/** Migrations of GoodJob's that this database has not run, and the console's own schema where it is not (wholly) there. */
export async function findSchemaGaps({ ctx }: Look): Promise<Found> {
  const items: SchemaGap[] = ctx.gj.schema.missingMigrations.map((migration) => ({
    gap: 'migration',
    migration,
  }));
  const severity = items.length > 0 ? 'warning' : 'notice';
  // A console that may not write needs none.
  if (!ctx.readOnly && !ctx.consoleSchema) items.push({ gap: 'console_schema' });
  else if (!ctx.readOnly && !ctx.bulkRuns) items.push({ gap: 'console_version' });
  if (items.length === 0) return { finding: null };
  return {
    finding: {
      kind: 'schema_gaps',
      severity,
      since: null,
      count: countUpTo(items.length, Infinity),
      items,
      where: null,
      repair: null,
    },
  };
}
