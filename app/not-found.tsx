import { headers } from 'next/headers';
import { NotFound } from '@/components/not-found';
import { Shell } from '@/components/shell/shell';

/** Any address that is nothing; reading the headers keeps it dynamic, or its scripts would have no nonce. */
export default async function NotFoundPage() {
  await headers();
  return (
    <Shell>
      <NotFound />
    </Shell>
  );
}
