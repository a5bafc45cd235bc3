'use client';

import { usePathname, useSearchParams } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { useEffect, useState } from 'react';
import { leavesPage, START_EVENT } from '../navigation';

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

/** Calls `onStart` for each announced navigation; returns the function that ends this. */
function onNavigationStart(onStart: (link: HTMLElement | undefined) => void): () => void {
  const listener = (event: Event) =>
    onStart((event as CustomEvent<HTMLElement | undefined>).detail);
  window.addEventListener(START_EVENT, listener);
  return () => window.removeEventListener(START_EVENT, listener);
}

const PENDING = 'data-pending';

function unmarkLinks(): void {
  for (const link of document.querySelectorAll(`[${PENDING}]`)) link.removeAttribute(PENDING);
}

const isPlainClick = (event: MouseEvent) =>
  event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
