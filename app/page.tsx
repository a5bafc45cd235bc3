import { headers } from 'next/headers';
import { redirect } from 'next/navigation';

/** The home page is the job list, as in GoodJob's own dashboard. */
export default async function Home() {
  // Makes the page dynamic: a redirect from build time would lack the base path.
  await headers();
  redirect('/jobs');
}
