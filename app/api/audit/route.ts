import { getTimeZone } from 'next-intl/server';
import { answerJson } from '@/app/api/answer-json';
import { parseAuditFilter } from '@/lib/audit-log/filters';
import { listAudit } from '@/lib/audit-log/queries';

/** A page of the audit: the same as /audit. */
export async function GET(request: Request): Promise<Response> {
  const zone = await getTimeZone();
  return answerJson((ctx) =>
    listAudit(ctx, parseAuditFilter(new URL(request.url).searchParams, zone)),
  );
}
