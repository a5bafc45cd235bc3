import { jsonResponse } from '@/app/api/answer-json';
import { paramsOfRequest } from '@/lib/core/urls';
import { chartOfList } from '@/lib/jobs/chart';
import { countTabs } from '@/lib/jobs/counts';
import { parseJobFilter } from '@/lib/jobs/filters';
import { listJobs } from '@/lib/jobs/list';
import { sortWithinPage } from '@/lib/jobs/order';
import { visibleColumns, loadColumns } from '@/lib/jobs/rows';
import { readChartRequest } from '@/lib/jobs/types';

/** Returns the list and the parts listed in `include`, so that a poll is one request. */
export async function GET(request: Request): Promise<Response> {
  const params = paramsOfRequest(request);
  const filter = parseJobFilter(params);
  const { columns } = visibleColumns(params.get('columns'));
  const include = (params.get('include') ?? '').split(',');
  return jsonResponse(async (ctx) => {
    const [page, counts, chart] = await Promise.all([
      listJobs(ctx, filter),
      include.includes('counts') ? countTabs(ctx, filter) : undefined,
      include.includes('chart')
        ? chartOfList(ctx, filter, readChartRequest(params.get('range'), params.get('by')))
        : undefined,
    ]);
    const rows = await loadColumns(ctx, page.rows, columns);
    return { ...page, rows: sortWithinPage(rows, filter.pageSort), counts, chart };
  });
}
