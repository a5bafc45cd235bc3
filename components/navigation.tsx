'use client';

import NextLink from 'next/link';
import { useRouter } from 'next/navigation';
import { type ComponentProps, useCallback } from 'react';
import { href as hrefOf } from '@/lib/core/urls';
import { useApplication } from './application';

type LinkProps = Omit<ComponentProps<typeof NextLink>, 'href'> & { href: string };

/** The link of the current click event, which `onNavigate` does not get. */
let clickedLink: HTMLAnchorElement | undefined;

/** A link to a page of the application. `href` is its path without the base path. */
export function Link({ href, onClick, onNavigate, ...rest }: LinkProps) {
  const { key } = useApplication();
  // Next.js adds the base path.
  return (
    <NextLink
      href={hrefOf({ key, basePath: '' }, href)}
      onClick={(event) => {
        clickedLink = event.currentTarget;
        onClick?.(event);
      }}
      onNavigate={(event) => {
        let isPrevented = false;
        onNavigate?.({
          preventDefault: () => {
            isPrevented = true;
            event.preventDefault();
          },
        });
        if (!isPrevented && clickedLink && leavesPage(clickedLink.href))
          announceNavigation(clickedLink);
      }}
      {...rest}
    />
  );
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
      if (leavesPage(hrefOf(application, path))) announceNavigation();
      // Next.js adds the base path.
      router.push(hrefOf({ ...application, basePath: '' }, path), options);
    },
    [router, application],
  );
}

/** The event of a navigation that starts; its detail is the link that was clicked. */
export const START_EVENT = 'gjc-navigation';

/** Starts the progress bar; `link` is the link that was clicked. */
export function announceNavigation(link?: HTMLElement): void {
  window.dispatchEvent(new CustomEvent(START_EVENT, { detail: link }));
}

/** Whether a browser URL leads to another page than the current one, not just to a fragment. */
export function leavesPage(url: string): boolean {
  const { origin, pathname, search } = new URL(url, window.location.href);
  const isHere = pathname === window.location.pathname && search === window.location.search;
  return origin === window.location.origin && !isHere;
}
