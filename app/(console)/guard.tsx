import type { ReactNode } from 'react';
import { Failure, PartFailure } from '@/components/failure';
import { ConsoleError, type ErrorCode, statusOf } from '@/lib/errors';
import { setResponseStatus } from '@/lib/response-status';

/** A failure that can be told to the reader; anything else (a bug, Next's own notFound) goes on. */
function told(error: unknown): ErrorCode {
  if (!(error instanceof ConsoleError)) throw error;
  if (error.cause) console.error(error.cause);
  return error.code;
}

/** Renders a page; when its data cannot be had, a page that says why, with the status that says the same. */
export async function guardPage(render: () => Promise<ReactNode>): Promise<ReactNode> {
  try {
    return await render();
  } catch (error) {
    const code = told(error);
    setResponseStatus(statusOf(code));
    return <Failure code={code} />;
  }
}

/** Renders a part of a page; a query that is cut leaves a banner and the rest of the page. */
export async function guardPart(render: () => Promise<ReactNode>): Promise<ReactNode> {
  try {
    return await render();
  } catch (error) {
    return <PartFailure code={told(error)} />;
  }
}
