'use client';

import NextLink from 'next/link';
import type { ComponentProps } from 'react';
import { href as hrefOf } from '@/lib/core/href';
import { useApplication } from './application';

/** A link to a page of the application. `href` is its path without the base path. */
export function Link({
  href,
  ...rest
}: Omit<ComponentProps<typeof NextLink>, 'href'> & { href: string }) {
  const { key } = useApplication();
  // Next.js adds the base path.
  return <NextLink href={hrefOf({ key, basePath: '' }, href)} {...rest} />;
}
