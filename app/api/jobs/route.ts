import { answerJson } from '@/app/api/answer-json';
import { paramsOfRequest } from '@/lib/core/search-params';
import { chartOfList } from '@/lib/jobs/chart';
import { countTabs } from '@/lib/jobs/counts';
import { parseJobFilter } from '@/lib/jobs/filters';
import { listJobs } from '@/lib/jobs/list';
import { shownColumns, withColumns } from '@/lib/jobs/rows';
import { readChartRequest } from '@/lib/jobs/types';

/** The list and, when asked by `include`, what else of its page is due: one request a refresh. */
export async function GET(request: Request): Promise<Response> {
  const params = paramsOfRequest(request);
  const filter = parseJobFilter(params);
  const { columns } = shownColumns(params.get('columns'));
  const include = (params.get('include') ?? '').split(',');
  return answerJson(async (ctx) => {
    const [page, counts, chart] = await Promise.all([
      listJobs(ctx, filter),
      include.includes('counts') ? countTabs(ctx, filter) : undefined,
      include.includes('chart')
        ? chartOfList(ctx, filter, readChartRequest(params.get('range'), params.get('by')))
        : undefined,
    ]);
    return { ...page, rows: await withColumns(ctx, page.rows, columns), counts, chart };
  });
}
