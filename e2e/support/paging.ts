import { type Page, expect } from 'playwright/test';

/** The ids of the visible rows. */
export function visibleIds(page: Page, kind: 'job' | 'batch', within = 'main'): Promise<string[]> {
  return page
    .locator(`${within} [data-${kind}]`)
    .evaluateAll((rows, name) => rows.map((row) => row.getAttribute(name) ?? ''), `data-${kind}`);
}

/**
 * Follows a pager link to its end and returns the ids of each page. `between` runs before each
 * click.
 */
export async function collectPages(
  page: Page,
  kind: 'job' | 'batch',
  link: string,
  { within = 'main', between }: { within?: string; between?: () => Promise<void> } = {},
): Promise<string[][]> {
  const pages = [await visibleIds(page, kind, within)];
  for (;;) {
    const next = page.getByRole('link', { name: link, exact: true });
    if ((await next.count()) === 0) return pages;
    await between?.();
    await next.click();
    // The URL changes before the rows, so this waits for another first row.
    await expect
      .poll(async () => (await visibleIds(page, kind, within))[0])
      .not.toBe(pages.at(-1)?.[0]);
    pages.push(await visibleIds(page, kind, within));
    if (pages.length > 50) throw new Error('The pager does not end.');
  }
}
