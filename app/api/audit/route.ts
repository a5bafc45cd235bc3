import { getTimeZone } from 'next-intl/server';
import { jsonResponse } from '@/app/api/answer-json';
import { parseAuditFilter } from '@/lib/audit-log/filters';
import { listAudit } from '@/lib/audit-log/queries';

/** A page of audit records, for polling /audit. */
export async function GET(request: Request): Promise<Response> {
  const zone = await getTimeZone();
  return jsonResponse((ctx) =>
    listAudit(ctx, parseAuditFilter(new URL(request.url).searchParams, zone)),
  );
}
