import { useSearchParams } from 'next/navigation';
import { useCallback } from 'react';

const PARAM = 'preview';
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** The id of the previewed job in the URL; null without one. */
const previewedId = (id: string | null): string | null =>
  id !== null && UUID.test(id) ? id : null;

function changeUrl(id: string | null): void {
  const url = new URL(window.location.href);
  const isOpen = url.searchParams.has(PARAM);
  if (id === null) url.searchParams.delete(PARAM);
  else url.searchParams.set(PARAM, id);
  // The way back closes the preview, however many jobs it has shown.
  if (isOpen) window.history.replaceState(null, '', url);
  else window.history.pushState(null, '', url);
}

/** The job that is shown beside the list, in the URL. */
export function usePreview() {
  const id = previewedId(useSearchParams().get(PARAM));
  const open = useCallback((next: string) => changeUrl(next), []);
  const close = useCallback(() => changeUrl(null), []);
  return { id, open, close };
}
