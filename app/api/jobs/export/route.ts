import { paramsOfRequest } from '@/lib/core/urls';
import { exportResponse } from '@/lib/http/responses';
import { exportJobs } from '@/lib/jobs/export';
import { isUnderstood, parseJobFilter } from '@/lib/jobs/filters';

/** Exports the jobs of a filter. */
export function GET(request: Request): Promise<Response> {
  const params = paramsOfRequest(request);
  const filter = parseJobFilter(params);
  return exportResponse({
    name: 'good-jobs',
    format: params.get('format'),
    isFilterValid: isUnderstood(filter),
    chunks: (ctx, format) => exportJobs(ctx, filter, format),
  });
}
