import { headers } from 'next/headers';
import { NotFound } from '@/components/not-found';

/** What Next itself finds nothing for; it is rendered beside every page, so it is small. Reading the headers keeps it dynamic, or its scripts would have no nonce. */
export default async function NotFoundPage() {
  await headers();
  return <NotFound />;
}
