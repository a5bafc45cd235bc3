import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright/test';
import { loadSourceBatch } from '../test/harness/good-job-database';
import { en, ja } from './support/messages';
import { useSite } from './support/site';
import { expect, test } from './support/test';

/*
 * The page of a batch has the same lines as GoodJob's own batch page, which was recorded together
 * with the rows behind it.
 */
const BATCH = '/batches/d293ba0f-9b92-4871-a379-d32b0c1bd8bf';
const CALLBACK = '11d3b24f-b1aa-492e-a9ba-ffb6e28601cb';

const site = useSite('source batch', {
  sql: ['ALTER TABLE good_jobs DROP COLUMN lock_type'],
  seed: (_db, url) => loadSourceBatch(url),
});

/** The visible lines of the page; only lines outside of JSON may be indented. */
async function linesOf(page: Page): Promise<string[]> {
  return (await page.locator('main').innerText()).split('\n').map((line) => line.trimEnd());
}

const isJson = (line: string) => /^( |[{}[\]])/.test(line);

/** The recorded lines that the page lacks or has out of order. */
function missingLines(recorded: string[], pageLines: string[]): string[] {
  let from = 0;
  return recorded.filter((line) => {
    const index = pageLines.findIndex(
      (candidate, n) => n >= from && (isJson(line) ? candidate : candidate.trim()) === line,
    );
    if (index >= 0) from = index + 1;
    return index < 0;
  });
}

for (const width of [1440, 390]) {
  test(`shows all lines of GoodJob's batch page in order at ${width} px`, async ({ page }) => {
    await page.setViewportSize({ width, height: 900 });
    await site.open(page, `${BATCH}?locale=ja`);
    const expandButtons = page.getByRole('button', { name: ja('jobs.showRaw', { id: '' }).trim() });
    await expect(expandButtons).toHaveCount(4);
    while ((await expandButtons.count()) > 0) await expandButtons.first().click();
    await expect(page.locator('li[data-job] pre')).toHaveCount(4);
    const recorded = (
      await readFile(new URL('../test/fixtures/source-batch-page.ja.txt', import.meta.url), 'utf8')
    )
      .split('\n')
      .filter((line) => line.trim() !== '');
    expect(recorded.length).toBeGreaterThan(230);
    expect(missingLines(recorded, await linesOf(page))).toEqual([]);
  });
}

test('fetches raw JSON only on expanding, and collapses it again', async ({ page }) => {
  const requests: string[] = [];
  page.on('request', (request) => request.url().includes('/raw') && requests.push(request.url()));
  await site.open(page, `${BATCH}?locale=en`);
  expect(requests).toEqual([]);
  await page.getByRole('button', { name: en('jobs.showRaw', { id: CALLBACK }) }).click();
  await expect(page.getByRole('group', { name: en('jobs.raw') })).toContainText(
    '"_aj_globalid": "gid://test-app/GoodJob::Batch/d293ba0f-9b92-4871-a379-d32b0c1bd8bf"',
  );
  expect(requests).toHaveLength(1);
  await page.getByRole('button', { name: en('jobs.hideRaw', { id: CALLBACK }) }).click();
  await expect(page.getByRole('group', { name: en('jobs.raw') })).toHaveCount(0);
});

test('copies the raw JSON as shown', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await site.open(page, BATCH);
  await page.getByRole('button', { name: `${en('copy.copy')}: ${en('batch.attributes')}` }).click();
  await expect(page.getByText(en('copy.copied'))).toBeVisible();
  const clipboard = await page.evaluate(() => navigator.clipboard.readText());
  expect(clipboard).toBe(
    await page
      .getByRole('group', { name: en('batch.attributes') })
      .locator('xpath=self::pre')
      .innerText(),
  );
});
