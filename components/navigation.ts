'use client';

import { useRouter } from 'next/navigation';
import { useCallback } from 'react';
import { href } from '@/lib/core/href';
import { useApplication } from './application';

const START_EVENT = 'gjc-navigation';

/** Starts the progress bar; `link` is the link that was clicked. */
export function announceNavigation(link?: HTMLElement): void {
  window.dispatchEvent(new CustomEvent(START_EVENT, { detail: link }));
}

/** Calls `onStart` for each announced navigation; returns the function that ends this. */
export function onNavigationStart(onStart: (link: HTMLElement | undefined) => void): () => void {
  const listener = (event: Event) =>
    onStart((event as CustomEvent<HTMLElement | undefined>).detail);
  window.addEventListener(START_EVENT, listener);
  return () => window.removeEventListener(START_EVENT, listener);
}

/** Whether a browser URL leads to another page than the current one, not just to a fragment. */
export function leavesPage(url: string): boolean {
  const { origin, pathname, search } = new URL(url, window.location.href);
  const isHere = pathname === window.location.pathname && search === window.location.search;
  return origin === window.location.origin && !isHere;
}

/**
 * Returns a function that navigates to a path (without the base path) and shows the progress bar
 * until the page is there.
 */
export function useNavigate(): (path: string, options?: { scroll?: boolean }) => void {
  const router = useRouter();
  const application = useApplication();
  return useCallback(
    (path, options) => {
      if (leavesPage(href(application, path))) announceNavigation();
      // Next.js adds the base path.
      router.push(href({ ...application, basePath: '' }, path), options);
    },
    [router, application],
  );
}
