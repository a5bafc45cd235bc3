'use client';

import NextLink from 'next/link';
import type { ComponentProps } from 'react';
import { href as hrefOf } from '@/lib/core/href';
import { useApplication } from './application';
import { announceNavigation, leavesPage } from './navigation';

type Props = Omit<ComponentProps<typeof NextLink>, 'href'> & { href: string };

/** The link of the current click event, which `onNavigate` does not get. */
let clickedLink: HTMLAnchorElement | undefined;

/** A link to a page of the application. `href` is its path without the base path. */
export function Link({ href, onClick, onNavigate, ...rest }: Props) {
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
