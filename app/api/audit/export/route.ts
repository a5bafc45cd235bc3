import { getTimeZone } from 'next-intl/server';
import { exportAudit } from '@/lib/audit-log/export';
import { parseAuditFilter } from '@/lib/audit-log/filters';
import { exportResponse } from '@/lib/http/responses';

/** Exports the audit records of a filter. */
export async function GET(request: Request): Promise<Response> {
  const params = new URL(request.url).searchParams;
  const filter = parseAuditFilter(params, await getTimeZone());
  return exportResponse({
    name: 'good-job-audit',
    format: params.get('format'),
    isFilterValid: filter.notUnderstood.length === 0,
    chunks: (ctx, format) => exportAudit(ctx, filter, format),
  });
}
