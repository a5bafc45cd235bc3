import { downloadResponse } from '@/lib/jobs/download';

/** A text of a job or of one of its executions in clear, as a file: the form of the reveal page posts here. */
export async function POST(
  request: Request,
  { params }: { params: Promise<{ id: string }> },
): Promise<Response> {
  return downloadResponse((await params).id, request);
}
