import { answerJson } from '@/lib/api';
import { parseJobFilter } from '@/lib/jobs/filters';
import { listJobs } from '@/lib/jobs/job-list';

export async function GET(request: Request): Promise<Response> {
  const filter = parseJobFilter(new URL(request.url).searchParams);
  return answerJson((ctx) => listJobs(ctx, filter));
}
