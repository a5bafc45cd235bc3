import type { ReactNode } from 'react';
import { Failure, PartFailure } from '@/components/failure';
import { NotFound } from '@/components/not-found';
import { ConsoleError, type ErrorCode, statusOf } from '@/lib/core/errors';
import { setResponseStatus } from '@/lib/http/response-status';

/** What the reader is told of a failure; Next's own signals (a redirect, a dynamic API) go on. */
function told(error: unknown): ErrorCode {
  if (error instanceof ConsoleError) {
    if (error.cause) console.error(error);
    return error.code;
  }
  const digest =
    typeof error === 'object' && error !== null && 'digest' in error ? String(error.digest) : '';
  if (/^(NEXT_|DYNAMIC_)/.test(digest)) throw error;
  console.error(error);
  return 'unexpected';
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

/**
 * A 404 page as any other: Next's own notFound() sends an empty body that needs JavaScript to become a page.
 */
export function missingPage(): ReactNode {
  setResponseStatus(404);
  return <NotFound />;
}

/** Renders a part of a page; a query that is cut leaves a banner and the rest of the page. */
export async function renderSection(render: () => Promise<ReactNode>): Promise<ReactNode> {
  try {
    return await render();
  } catch (error) {
    return <PartFailure code={told(error)} />;
  }
}

/** A page's main query; null when it was cut: the page says so where its rows would be, with the status that says the same. */
export async function nullOnTimeout<T>(query: Promise<T>): Promise<T | null> {
  return query.catch((error: unknown) => {
    if (!(error instanceof ConsoleError && error.code === 'query_timeout')) throw error;
    setResponseStatus(statusOf(error.code));
    return null;
  });
}
