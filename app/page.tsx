import { headers } from 'next/headers';
import { redirect } from 'next/navigation';

/** The way in leads to the jobs, as in GoodJob's own dashboard. */
export default async function Home() {
  await headers(); // a redirect that is made at build time would know no base path
  redirect('/jobs');
}
