import { downloadResponse } from '@/lib/jobs/raw';

/** Downloads an unredacted text of a job or an execution, for the form of the reveal page. */
export async function POST(
  request: Request,
  { params }: { params: Promise<{ id: string }> },
): Promise<Response> {
  return downloadResponse((await params).id, request);
}
