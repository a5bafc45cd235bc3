import type { ReactNode } from 'react';
import { NotFound } from '@/components/not-found';
import { PageError, SectionError } from '@/components/page-errors';
import { currentApplication } from '@/lib/context/request-context';
import { ConsoleError, type ErrorCode, statusOf } from '@/lib/core/errors';
import { setResponseStatus } from '@/lib/core/process-state';
import { isUuid } from '@/lib/core/text';

/** Logs an error and returns its code; rethrows Next's own signals, such as a redirect. */
function toErrorCode(error: unknown): ErrorCode {
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

/** Renders a page; on an error, a page with the reason and the matching HTTP status. */
export async function guardPage(render: () => Promise<ReactNode>): Promise<ReactNode> {
  try {
    return await render();
  } catch (error) {
    const code = toErrorCode(error);
    setResponseStatus(statusOf(code));
    return <PageError code={code} />;
  }
}

/** Renders a page about the row of an id; a 404 page if the id is invalid. */
export async function guardRowPage(
  params: Promise<{ id: string }>,
  render: (id: string) => Promise<ReactNode>,
): Promise<ReactNode> {
  const { id } = await params;
  return isUuid(id) ? guardPage(() => render(id)) : renderMissingPage();
}

/** A 404 page. Next's own notFound() sends an empty body that needs JavaScript to become a page. */
export function renderMissingPage(): ReactNode {
  setResponseStatus(404);
  return <NotFound application={currentApplication()} />;
}

/** Renders a section of a page; on an error, a banner in its place. */
export async function renderSection(render: () => Promise<ReactNode>): Promise<ReactNode> {
  try {
    return await render();
  } catch (error) {
    return <SectionError code={toErrorCode(error)} />;
  }
}

/** Awaits a page's main query; on a timeout returns null and sets the HTTP status. */
export async function nullOnTimeout<T>(query: Promise<T>): Promise<T | null> {
  return query.catch((error: unknown) => {
    if (!(error instanceof ConsoleError && error.code === 'query_timeout')) throw error;
    setResponseStatus(statusOf(error.code));
    return null;
  });
}
