'use client';

import { usePathname, useSearchParams } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { useEffect, useState } from 'react';

/** Announces a navigation that no click on a link or submit of a form starts. */
const START_EVENT = 'gjc-navigation';
export const announceNavigation = (): boolean => window.dispatchEvent(new Event(START_EVENT));

/** A bar at the top of the window from a click on a link until the next page is there. */
export function NavigationProgress() {
  const t = useTranslations('nav');
  const current = `${usePathname()}?${useSearchParams()}`;
  const [isNavigating, setNavigating] = useState(false);
  useEffect(() => {
    const start = () => setNavigating(true);
    const onClick = (event: MouseEvent) => {
      if (!isPlainClick(event) || !(event.target instanceof Element)) return;
      const link = event.target.closest<HTMLAnchorElement>('a[href]:not([role="button"])');
      if (link && leavesPage(link)) start();
    };
    const onSubmit = ({ target, defaultPrevented }: SubmitEvent) => {
      if (!defaultPrevented && target instanceof HTMLFormElement) start();
    };
    window.addEventListener('click', onClick);
    window.addEventListener('submit', onSubmit);
    window.addEventListener(START_EVENT, start);
    return () => {
      window.removeEventListener('click', onClick);
      window.removeEventListener('submit', onSubmit);
      window.removeEventListener(START_EVENT, start);
    };
  }, []);
  const [lastCurrent, setLastCurrent] = useState(current);
  if (lastCurrent !== current) {
    setLastCurrent(current);
    setNavigating(false);
  }
  return (
    isNavigating && (
      <div role="progressbar" aria-label={t('progress')} className="navigation-progress" />
    )
  );
}

const isPlainClick = (event: MouseEvent) =>
  event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;

/** Whether the link leads to another page of the console in this window. */
function leavesPage(link: HTMLAnchorElement): boolean {
  const { origin, pathname, search } = new URL(link.href);
  const isHere = pathname === window.location.pathname && search === window.location.search;
  return origin === window.location.origin && !isHere && !link.target && !link.download;
}
