/** The pages of the navigation by group; `pauses` is a tab of `queues`. */
export const NAV_GROUPS = [
  { group: null, pages: ['overview', 'attention'] },
  { group: 'jobs', pages: ['jobs', 'batches', 'cron_entries'] },
  { group: 'infrastructure', pages: ['queues', 'processes'] },
  { group: 'analysis', pages: ['cleaner', 'performance'] },
  { group: 'records', pages: ['bulk', 'audit'] },
] as const;

export type NavPage = (typeof NAV_GROUPS)[number]['pages'][number];

/** The path of a page without the base path. */
export const pagePath = (page: NavPage): string => (page === 'overview' ? '/' : `/${page}`);

/** Returns the page of the navigation that a path belongs to. */
export function pageOfPath(path: string): NavPage | undefined {
  if (path === '/') return 'overview';
  const first = path.split('/')[1];
  if (first === 'pauses') return 'queues';
  return NAV_GROUPS.flatMap<NavPage>(({ pages }) => pages).find((page) => page === first);
}
