import { type Page, expect } from 'playwright/test';

/** The ids of a list's rows on this page. */
export function idsOn(page: Page, kind: 'job' | 'batch', within = 'main'): Promise<string[]> {
  return page
    .locator(`${within} [data-${kind}]`)
    .evaluateAll((rows, name) => rows.map((row) => row.getAttribute(name) ?? ''), `data-${kind}`);
}

/** Follows a pager's link until it is gone; the ids of every page, in the order they were seen. `between` runs before each click. */
export async function walk(
  page: Page,
  kind: 'job' | 'batch',
  link: string,
  { within = 'main', between }: { within?: string; between?: () => Promise<void> } = {},
): Promise<string[][]> {
  const pages = [await idsOn(page, kind, within)];
  for (;;) {
    const next = page.getByRole('link', { name: link, exact: true });
    if ((await next.count()) === 0) return pages;
    await between?.();
    await next.click();
    // A page is another one when its first row is: the address changes before the rows do.
    await expect.poll(async () => (await idsOn(page, kind, within))[0]).not.toBe(pages.at(-1)?.[0]);
    pages.push(await idsOn(page, kind, within));
    if (pages.length > 50) throw new Error('The pager does not end.');
  }
}
