import { headers } from 'next/headers';
import { NotFound } from '@/components/not-found';
import { currentApplication } from '@/lib/context/request-context';

/**
 * Next renders this along with every page, so it is small. Reading the headers keeps it dynamic;
 * otherwise its scripts would have no nonce.
 */
export default async function NotFoundPage() {
  await headers();
  return <NotFound application={currentApplication()} />;
}
