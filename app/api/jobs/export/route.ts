import { paramsOfRequest } from '@/lib/core/search-params';
import { exportResponse } from '@/lib/http/responses';
import { exportJobs } from '@/lib/jobs/export';
import { isUnderstood, parseJobFilter } from '@/lib/jobs/filters';

/** The jobs of a filter as a file. */
export function GET(request: Request): Promise<Response> {
  const params = paramsOfRequest(request);
  const filter = parseJobFilter(params);
  return exportResponse({
    name: 'good-jobs',
    format: params.get('format'),
    understood: isUnderstood(filter),
    chunks: (ctx, format) => exportJobs(ctx, filter, format),
  });
}
