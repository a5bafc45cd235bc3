'use client';

import NextLink from 'next/link';
import { usePathname, useRouter, useSearchParams } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { type ComponentProps, useCallback, useEffect, useState } from 'react';
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

/** A bar at the top of the window from the start of a navigation until the next page is there. */
export function NavigationProgress() {
  const t = useTranslations('nav');
  const current = `${usePathname()}?${useSearchParams()}`;
  const [isNavigating, setNavigating] = useState(false);
  useEffect(() => {
    // The attribute shows the clicked link as the current one until the page is there.
    const start = (link?: HTMLElement) => {
      unmarkLinks();
      link?.setAttribute(PENDING, '');
      setNavigating(true);
    };
    const onClick = (event: MouseEvent) => {
      if (event.defaultPrevented || !isPlainClick(event) || !(event.target instanceof Element))
        return;
      const link = event.target.closest<HTMLAnchorElement>('a[href]');
      if (link && !link.target && !link.hasAttribute('download') && leavesPage(link.href))
        start(link);
    };
    const onSubmit = ({ target, defaultPrevented }: SubmitEvent) => {
      if (!defaultPrevented && target instanceof HTMLFormElement && !target.target) start();
    };
    // A page that the browser restores from its cache still has the bar.
    const onShow = () => setNavigating(false);
    const stop = onNavigationStart(start);
    window.addEventListener('click', onClick);
    window.addEventListener('submit', onSubmit);
    window.addEventListener('pageshow', onShow);
    return () => {
      stop();
      window.removeEventListener('click', onClick);
      window.removeEventListener('submit', onSubmit);
      window.removeEventListener('pageshow', onShow);
    };
  }, []);
  const [lastCurrent, setLastCurrent] = useState(current);
  if (lastCurrent !== current) {
    setLastCurrent(current);
    setNavigating(false);
  }
  useEffect(() => (isNavigating ? undefined : unmarkLinks()), [isNavigating]);
  return (
    isNavigating && (
      <div role="progressbar" aria-label={t('progress')} className="navigation-progress" />
    )
  );
}

const START_EVENT = 'gjc-navigation';

/** Starts the progress bar; `link` is the link that was clicked. */
export function announceNavigation(link?: HTMLElement): void {
  window.dispatchEvent(new CustomEvent(START_EVENT, { detail: link }));
}

/** Calls `onStart` for each announced navigation; returns the function that ends this. */
function onNavigationStart(onStart: (link: HTMLElement | undefined) => void): () => void {
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

const PENDING = 'data-pending';

function unmarkLinks(): void {
  for (const link of document.querySelectorAll(`[${PENDING}]`)) link.removeAttribute(PENDING);
}

const isPlainClick = (event: MouseEvent) =>
  event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
